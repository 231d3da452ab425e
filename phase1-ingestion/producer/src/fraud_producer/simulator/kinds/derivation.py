"""Everything that follows from a day's payments: sign-ins, card events, profile changes and external alerts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_contracts import CARD_EVENTS, EXTERNAL_ALERTS, KYC_PROFILES, LABELS, LOGINS, TRANSACTIONS, Topic
from fraud_producer.simulator.config import LABEL_HORIZON_DAYS, SimulationConfig, date_of
from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.kinds.card_events import card_events, card_events_of_fraud, mistyped_pins
from fraud_producer.simulator.kinds.day import Day
from fraud_producer.simulator.kinds.external_alerts import external_alerts, external_alerts_of_fraud, notices
from fraud_producer.simulator.kinds.kyc_profiles import kyc_profiles, kyc_profiles_of_fraud, verifications
from fraud_producer.simulator.kinds.logins import logins, logins_of_fraud, sign_ins_at_home
from fraud_producer.simulator.kinds.rows import Part, Rows, rows_of
from fraud_producer.simulator.randomness import Purpose, generator

# What follows from a day's payments happens at most so many days before each of them, and after the day.
LOOK_AHEAD_DAYS: Final = 1
HORIZON_DAYS: Final = LABEL_HORIZON_DAYS + 12

_Maker = Callable[[np.random.Generator, Day], list[Part]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: its topic, the letter its ids begin with, and what makes it.

    ``of_fraud`` makes only what fraud brings about, which is a part of what ``of_day`` makes; ``of_minute`` something
    ordinary for users and moments of somebody's choice.
    """

    topic: Topic
    letter: str
    purpose: Purpose
    of_day: _Maker
    of_fraud: _Maker
    of_minute: Callable[[Day, Ints, Ints], Part]
    rate: Callable[[SimulationConfig], float]


KINDS: Final = (
    Kind(
        LOGINS,
        "G",
        Purpose.LOGINS,
        logins,
        logins_of_fraud,
        sign_ins_at_home,
        lambda config: config.login_rate,
    ),
    Kind(
        CARD_EVENTS,
        "C",
        Purpose.CARD_EVENTS,
        card_events,
        card_events_of_fraud,
        mistyped_pins,
        lambda config: config.card_rate,
    ),
    Kind(
        KYC_PROFILES,
        "K",
        Purpose.KYC_PROFILES,
        kyc_profiles,
        kyc_profiles_of_fraud,
        verifications,
        lambda config: config.kyc_rate,
    ),
    Kind(
        EXTERNAL_ALERTS,
        "A",
        Purpose.EXTERNAL_ALERTS,
        external_alerts,
        external_alerts_of_fraud,
        notices,
        lambda config: config.alert_rate,
    ),
)


def topics_sent(config: SimulationConfig) -> frozenset[str]:
    """Names of the topics that a world sends to at all."""
    derived = {kind.topic.name for kind in KINDS if kind.rate(config)}
    return frozenset(derived | {TRANSACTIONS.name, LABELS.name})


def derived_rows(day: Day) -> list[Rows]:
    """Everything that follows from a whole day: a pure function of the configuration and the day."""
    made = []
    for kind in KINDS:
        if kind.rate(day.config):
            parts = kind.of_day(generator(day.config.seed, kind.purpose, day.day), day)
            rows = rows_of(kind.topic, f"{kind.letter}{date_of(day.day):%Y%m%d}", parts)
            made.append(rows.take(rows.cause_us >= day.config.start_us))
    return made


def rows_of_case(case: Day, name: str, seed: int) -> list[Rows]:
    """What follows from the fraud of one injected case; ``name`` is how its ids go on after the kind's letter."""
    return [
        rows_of(kind.topic, f"{kind.letter}-{name}", kind.of_fraud(generator(seed, kind.purpose), case))
        for kind in KINDS
    ]
