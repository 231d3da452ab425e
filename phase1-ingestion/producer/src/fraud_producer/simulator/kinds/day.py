"""What a day's messages of the other kinds follow from: its payments, and who was robbed in them."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from fraud_producer.simulator.circumstances import phones
from fraud_producer.simulator.config import DAY_US, SimulationConfig
from fraud_producer.simulator.geography import Bools, Ints
from fraud_producer.simulator.labels import Label
from fraud_producer.simulator.merchants import Merchants
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.population import Users, phone_codes
from fraud_producer.simulator.scenarios import SCENARIOS

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class Victims:
    """One row per user and episode of fraud: several users may be robbed in one.

    ``scenario`` is the position in ``SCENARIOS``, ``first`` the position of the user's first payment in the episode,
    ``first_us`` and ``last_us`` the moments of his first and last one, ``known_us`` when the bank first heard that one
    of them was fraud (``NEVER``: nobody told).
    """

    scenario: Ints
    first: Ints
    first_us: Ints
    last_us: Ints
    known_us: Ints

    @classmethod
    def none(cls) -> Self:
        """Nobody."""
        nobody = np.zeros(0, dtype=np.int64)
        return cls(nobody, nobody, nobody, nobody, nobody)

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: "Ints | Bools") -> Self:
        """The victims at these positions, or where the mask is true."""
        return type(self)(
            self.scenario[rows], self.first[rows], self.first_us[rows], self.last_us[rows], self.known_us[rows]
        )

    def of(self, names: frozenset[str]) -> Self:
        """The victims of these scenarios."""
        wanted = [position for position, scenario in enumerate(SCENARIOS) if scenario.name in names]
        return self.take(np.isin(self.scenario, wanted))


@dataclass(frozen=True, slots=True)
class Day:
    """One whole UTC day with all its payments, whatever part of it was asked for; or one injected case."""

    config: SimulationConfig
    users: Users
    merchants: Merchants
    day: int
    payments: Payments
    victims: Victims

    @property
    def start_us(self) -> int:
        return self.day * DAY_US


def own_phones(day: Day, user: Ints) -> Ints:
    """The phones that these users own on a day."""
    return phone_codes(user, phones(day.config.seed, len(day.users), day.day)[user])


def victims_of(payments: Payments, ids: list[str], labels: list[Label]) -> Victims:
    """Who was robbed in these payments; ``labels`` are all that they will ever get."""
    fraud = np.flatnonzero(payments.scenario)
    pairs = np.stack([payments.episode[fraud], payments.user[fraud]])
    _, first, victim = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
    victim = victim.reshape(-1)
    latest = np.iinfo(np.int64).max
    last_us = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(last_us, victim, payments.event_time[fraud])
    known = np.full(len(first), latest, dtype=np.int64)
    np.minimum.at(known, victim, _known(payments, ids, labels)[fraud])
    return Victims(
        scenario=payments.scenario[fraud[first]] - 1,
        first=fraud[first],
        first_us=payments.event_time[fraud[first]],
        last_us=last_us,
        known_us=np.where(known == latest, NEVER, known),
    )


def _known(payments: Payments, ids: list[str], labels: list[Label]) -> Ints:
    """Per payment: when it first became known as fraud, else the end of time."""
    known = np.full(len(payments), np.iinfo(np.int64).max, dtype=np.int64)
    row_of = {ids[row]: row for row in np.flatnonzero(payments.scenario).tolist()}
    for label in labels:
        row = row_of.get(label.transaction_id)
        if row is not None and label.is_fraud:
            known[row] = min(known[row], label.known_us)
    return known
