"""The simulated world day by day: payments with their ids, and the labels that become known meanwhile."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator.behaviour import day_factor, honest_payments
from fraud_producer.simulator.config import DAY_US, LABEL_HORIZON_DAYS, SimulationConfig, date_of, day_of
from fraud_producer.simulator.labels import Label, labels_of
from fraud_producer.simulator.merchants import Merchants, merchant_population
from fraud_producer.simulator.payments import Payments, in_time_order, join, records, transaction_ids
from fraud_producer.simulator.population import Users, build_users
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import Stage, fraudulent_payments


@dataclass(frozen=True, slots=True)
class Block:
    """One UTC day, or the part of it that was asked for.

    ``payments`` are in the order of event time with ids in ``ids``; ``labels`` became known in the same span and are in
    the order of their known time.
    """

    day: int
    payments: Payments
    ids: list[str]
    labels: list[Label]


@dataclass(frozen=True, slots=True)
class World:
    """The populations of a simulation, and its days on request."""

    config: SimulationConfig
    users: Users
    merchants: Merchants

    def payments_of_day(self, day: int) -> tuple[Payments, list[str]]:
        """All payments of a UTC day with their ids: a pure function of the configuration and the day."""
        date = date_of(day)
        factor = day_factor(day, date.month)
        rng = generator(self.config.seed, Purpose.PAYMENTS, day)
        honest = honest_payments(rng, self.config, self.users, self.merchants, day, factor)
        fraud_rng = generator(self.config.seed, Purpose.FRAUD, day)
        stage = Stage(fraud_rng, self.config, self.users, self.merchants, day, honest)
        together = join([honest, fraudulent_payments(stage)])
        ordered = in_time_order(together, day * DAY_US, (day + 1) * DAY_US)
        return ordered, transaction_ids(f"{date:%Y%m%d}", len(ordered))

    def labels_of_day(self, day: int, payments: Payments, ids: list[str]) -> list[Label]:
        """All labels that the payments of a day will ever get."""
        rng = generator(self.config.seed, Purpose.LABELS, day)
        labels = labels_of(rng, payments, ids, self.users, self.merchants)
        return [label for label in labels if label.transaction_us >= self.config.start_us]


def build_world(config: SimulationConfig, hasher: CardHasher) -> World:
    """The world of a configuration; ``hasher`` keeps card numbers inside."""
    merchants = merchant_population()
    return World(config, build_users(config.seed, config.customers, merchants, hasher), merchants)


@dataclass(slots=True)
class _PendingLabels:
    """Labels that are not known yet, smallest known time first."""

    heap: list[tuple[int, str, Label]] = field(default_factory=list)

    def add(self, labels: list[Label]) -> None:
        for label in labels:
            heapq.heappush(self.heap, (label.known_us, label.label_id, label))

    def known_before(self, moment_us: int) -> list[Label]:
        known = []
        while self.heap and self.heap[0][0] < moment_us:
            known.append(heapq.heappop(self.heap)[2])
        return known


def simulate(world: World, since_us: int, until_us: int | None = None) -> Iterator[Block]:
    """Blocks of the span ``[since_us, until_us)``, day by day; without an end it goes on for ever.

    The blocks of two spans that meet are those of the one long span: labels of payments before ``since_us`` that
    become known within the span are part of it.
    """
    since_us = max(since_us, world.config.start_us)
    pending = _PendingLabels()
    first_day = day_of(since_us)
    oldest_day = max(day_of(world.config.start_us), first_day - LABEL_HORIZON_DAYS)
    for day in range(oldest_day, first_day):
        pending.add(world.labels_of_day(day, *world.payments_of_day(day)))
    day = first_day
    while until_us is None or day * DAY_US < until_us:
        payments, ids = world.payments_of_day(day)
        pending.add(world.labels_of_day(day, payments, ids))
        end = (day + 1) * DAY_US if until_us is None else min((day + 1) * DAY_US, until_us)
        begin = max(day * DAY_US, since_us)
        if day == first_day:
            pending.known_before(begin)
        low, high = payments.event_time.searchsorted([begin, end])
        within = np.arange(low, high, dtype=np.int64)
        yield Block(day, payments.take(within), ids[low:high], pending.known_before(end))
        day += 1


def events(world: World, block: Block) -> Iterator[Event]:
    """A block's payments and labels as messages, all in the order of their event time."""
    labels = iter(block.labels)
    label = next(labels, None)
    for record in records(block.payments, block.ids, world.users, world.merchants):
        moment = record["event_time"]
        while label is not None and label.known_us <= moment:
            yield label_event(label)
            label = next(labels, None)
        yield Event(TRANSACTIONS, moment, record["transaction_id"], record["user_id"], record)
    while label is not None:
        yield label_event(label)
        label = next(labels, None)


def label_event(label: Label) -> Event:
    """A label as message."""
    return Event(LABELS, label.known_us, label.label_id, label.transaction_id, label.record())
