"""What becomes known about payments, and when: chargebacks and dispositions, late, sometimes wrong, sometimes never."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import Floats, Ints
from fraud_producer.simulator.merchants import Merchants
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.population import Users
from fraud_producer.simulator.scenarios import SCENARIOS

LATE_SHARE: Final = 0.04
LATEST_DAYS: Final = 21.0
# Friendly fraud: chargebacks of honest payments, as a share of all fraud.
FALSE_ALARM_SHARE: Final = 0.025
# Fraud that an analyst cleared at first.
CLEARED_SHARE: Final = 0.015
CORRECTION_DAYS: Final = (3.0, 12.0)
FALSE_ALARM_TYPE: Final = "disputed"

_UNKNOWN_SHARES: Final[Floats] = np.array([scenario.unknown_share for scenario in SCENARIOS])
_ANALYST_SHARES: Final[Floats] = np.array([scenario.analyst_share for scenario in SCENARIOS])


@dataclass(frozen=True, slots=True)
class Label:
    """One message about one payment. ``known_us`` is when it became known: the label's event time."""

    known_us: int
    label_id: str
    transaction_id: str
    transaction_us: int
    user_id: str
    merchant_id: str
    is_fraud: bool
    source: str
    fraud_type: str | None

    def record(self) -> dict[str, Any]:
        """The label as Avro record."""
        return {
            "label_id": self.label_id,
            "transaction_id": self.transaction_id,
            "event_time": self.known_us,
            "is_fraud": self.is_fraud,
            "user_id": self.user_id,
            "merchant_id": self.merchant_id,
            "transaction_time": self.transaction_us,
            "source": self.source,
            "fraud_type": self.fraud_type,
        }


def labels_of(
    rng: np.random.Generator, payments: Payments, ids: list[str], users: Users, merchants: Merchants
) -> list[Label]:
    """All labels that a day's payments will ever get, in no particular order."""
    labels: list[Label] = []

    def add(row: int, days: Floats, is_fraud: bool, source: str, number: int, fraud_type: str | None) -> int:
        known = int(payments.event_time[row]) + int(float(days.sum()) * DAY_US)
        labels.append(
            Label(
                known_us=known,
                label_id=f"L{ids[row][1:]}-{number}",
                transaction_id=ids[row],
                transaction_us=int(payments.event_time[row]),
                user_id=users.ids[payments.user[row]],
                merchant_id=merchants.ids[payments.merchant[row]],
                is_fraud=is_fraud,
                source=source,
                fraud_type=fraud_type,
            )
        )
        return known

    fraud = np.flatnonzero(payments.scenario)
    count = len(fraud)
    scenario = payments.scenario[fraud] - 1
    never = rng.random(count) < _UNKNOWN_SHARES[scenario]
    by_analyst = rng.random(count) < _ANALYST_SHARES[scenario]
    delays = _delays(rng, by_analyst)
    cleared = rng.random(count) < CLEARED_SHARE
    corrections = rng.uniform(*CORRECTION_DAYS, count)
    for position, row in enumerate(fraud.tolist()):
        name = SCENARIOS[scenario[position]].name
        delay = delays[position : position + 1]
        if never[position]:
            continue
        if cleared[position]:
            add(row, delay, False, "ANALYST", 1, None)
            add(row, delay + corrections[position], True, "CORRECTION", 2, name)
        else:
            add(row, delay, True, "ANALYST" if by_analyst[position] else "CHARGEBACK", 1, name)

    for row in _false_alarms(rng, payments, count).tolist():
        delay = _delays(rng, np.zeros(1, dtype=np.bool_))
        add(row, delay, True, "CHARGEBACK", 1, FALSE_ALARM_TYPE)
        add(row, delay + rng.uniform(*CORRECTION_DAYS, 1), False, "CORRECTION", 2, None)
    return labels


def confirmed(payments: Payments, ids: list[str], users: Users, merchants: Merchants, known_us: int) -> list[Label]:
    """One label for each fraud, all of them by an analyst who knows at the same moment."""
    return [
        Label(
            known_us=known_us,
            label_id=f"L{ids[row][1:]}-1",
            transaction_id=ids[row],
            transaction_us=int(payments.event_time[row]),
            user_id=users.ids[payments.user[row]],
            merchant_id=merchants.ids[payments.merchant[row]],
            is_fraud=True,
            source="ANALYST",
            fraud_type=SCENARIOS[payments.scenario[row] - 1].name,
        )
        for row in np.flatnonzero(payments.scenario).tolist()
    ]


def _delays(rng: np.random.Generator, by_analyst: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Floats:
    """Days from payment to label: chargebacks one to seven, analysts one to three, a few per cent later."""
    count = len(by_analyst)
    chargeback = 1.0 + 6.0 * rng.beta(1.6, 2.4, count)
    delay = np.where(by_analyst, rng.uniform(1.0, 3.0, count), chargeback)
    late = rng.random(count) < LATE_SHARE
    return np.where(late, rng.uniform(7.0, LATEST_DAYS, count), delay)


def _false_alarms(rng: np.random.Generator, payments: Payments, frauds: int) -> Ints:
    honest = np.flatnonzero(payments.scenario == 0)
    wanted = min(int(rng.poisson(frauds * FALSE_ALARM_SHARE)), len(honest))
    return rng.choice(honest, wanted, replace=False).astype(np.int64)
