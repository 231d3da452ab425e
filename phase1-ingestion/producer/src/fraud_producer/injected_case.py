"""One labelled case of fraud, as messages that end at a chosen moment."""

from dataclasses import dataclass

import numpy as np

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.simulator import Injection, World, inject
from fraud_producer.simulator.config import day_of
from fraud_producer.simulator.kinds.day import Day, victims_of
from fraud_producer.simulator.kinds.derivation import rows_of_case
from fraud_producer.simulator.payments import records
from fraud_producer.simulator.simulation import label_event


@dataclass(frozen=True, slots=True)
class Case:
    """A case: who was robbed or robs, all its messages in the order of time, and when its labels become known."""

    name: str
    users: list[str]
    events: list[Event]
    known_us: int

    def of(self, topic_name: str) -> list[Event]:
        """Its messages of one topic."""
        return [event for event in self.events if event.topic.name == topic_name]


def case_ending_at(world: World, name: str, moment_us: int, number: int, user: str | None = None) -> Case:
    """A case of the scenario called ``name`` whose last payment is not after a moment, and as near to it as may be.

    It has the sign-ins, profile changes, card events and alerts that belong to it until its labels are known; what
    would come later, such as a new card, is left out. The same arguments give the same case.

    Args:
        world: whose users and merchants take part.
        moment_us: the newest moment of a payment, in microseconds.
        number: tells cases of the same moment apart.
        user: who shall be robbed, or who does it where nobody is; anybody by default.

    Raises:
        ValueError: there is no such scenario or user.
    """
    ids = world.users.ids
    if user is not None and user not in ids:
        raise ValueError(f"user is {user!r}: use one of {ids[0]} to {ids[-1]}")
    found = _ending_at(world, name, moment_us, number, None if user is None else ids.index(user))
    fraud = found.payments.scenario > 0
    users = sorted({ids[position] for position in found.payments.user[fraud].tolist()})
    return Case(name, users, _events(world, found, number), max(label.known_us for label in found.labels))


def _ending_at(world: World, name: str, moment_us: int, seed: int, victim: int | None) -> Injection:
    begin_us = moment_us
    while True:
        found = inject(world, name, begin_us, seed, victim)
        late = int(found.payments.event_time[-1]) - moment_us
        if late <= 0:
            return found
        begin_us -= late


def _events(world: World, found: Injection, seed: int) -> list[Event]:
    paid = found.payments
    payments = [
        Event(TRANSACTIONS, record["event_time"], record["transaction_id"], record["user_id"], record)
        for record in records(paid, found.ids, world.users, world.merchants)
    ]
    labels = [label_event(label) for label in found.labels]
    day = Day(
        world.config,
        world.users,
        world.merchants,
        day_of(int(paid.event_time[0])),
        paid,
        victims_of(paid, found.ids, found.labels),
    )
    prefix = found.ids[0].removeprefix("S-").rpartition("-")[0]
    known_us = max(label.known_us for label in found.labels)
    others = [
        event
        for rows in rows_of_case(day, prefix, seed)
        for event in rows.take(np.asarray(rows.event_time <= known_us)).events()
    ]
    return sorted([*payments, *others, *labels], key=lambda event: (event.event_us, event.topic is LABELS))
