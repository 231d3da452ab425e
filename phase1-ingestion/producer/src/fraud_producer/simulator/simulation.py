"""The simulated world day by day: payments with their ids, labels that become known meanwhile, and all that follows."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator.behaviour import honest_payments
from fraud_producer.simulator.config import DAY_US, SimulationConfig, date_of, day_of
from fraud_producer.simulator.kinds.day import Day, victims_of
from fraud_producer.simulator.kinds.derivation import HORIZON_DAYS, LOOK_AHEAD_DAYS, derived_rows
from fraud_producer.simulator.kinds.rows import Rows
from fraud_producer.simulator.labels import Label, labels_of
from fraud_producer.simulator.look_alikes import honest_look_alikes
from fraud_producer.simulator.merchants import Merchants, merchant_population
from fraud_producer.simulator.payments import Payments, in_time_order, join, records, transaction_ids
from fraud_producer.simulator.population import Users, build_users
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import Stage, fraudulent_payments
from fraud_producer.simulator.seasons import day_factor


@dataclass(frozen=True, slots=True)
class Block:
    """One UTC day, or the part of it that was asked for.

    ``payments`` are in the order of event time with ids in ``ids``; ``labels`` became known in the same span and are in
    the order of their known time. ``rows`` are the messages of the other kinds in that span, each of them in order.
    The span is ``[begins_us, ends_us)``.
    """

    day: int
    begins_us: int
    ends_us: int
    payments: Payments
    ids: list[str]
    labels: list[Label]
    rows: list[Rows]


@dataclass(frozen=True, slots=True)
class World:
    """The populations of a simulation, and its days on request."""

    config: SimulationConfig
    users: Users
    merchants: Merchants

    def payments_of_day(self, day: int) -> tuple[Payments, list[str]]:
        """All payments of a UTC day with their ids: a pure function of the configuration and the day."""
        date = date_of(day)
        factor = day_factor(day, date)
        rng = generator(self.config.seed, Purpose.PAYMENTS, day)
        honest = honest_payments(rng, self.config, self.users, self.merchants, day, factor)
        fraud_rng = generator(self.config.seed, Purpose.FRAUD, day)
        stage = Stage(fraud_rng, self.config, self.users, self.merchants, day, honest)
        alike = replace(stage, rng=generator(self.config.seed, Purpose.LOOK_ALIKES, day))
        together = join([honest, honest_look_alikes(alike, factor), fraudulent_payments(stage)])
        ordered = in_time_order(together, day * DAY_US, (day + 1) * DAY_US)
        return ordered, transaction_ids(f"{date:%Y%m%d}", len(ordered))

    def labels_of_day(self, day: int, payments: Payments, ids: list[str]) -> list[Label]:
        """All labels that the payments of a day will ever get."""
        rng = generator(self.config.seed, Purpose.LABELS, day)
        labels = labels_of(rng, payments, ids, self.users, self.merchants)
        return [label for label in labels if label.transaction_us >= self.config.start_us]

    def rows_of_day(self, day: int, payments: Payments, ids: list[str], labels: list[Label]) -> list[Rows]:
        """All messages of other kinds that will ever follow from the payments of a day and from the day itself."""
        victims = victims_of(payments, ids, labels)
        return derived_rows(Day(self.config, self.users, self.merchants, day, payments, victims))


def build_world(config: SimulationConfig, hasher: CardHasher) -> World:
    """The world of a configuration; ``hasher`` keeps card numbers inside."""
    merchants = merchant_population()
    return World(config, build_users(config.seed, config.customers, merchants, hasher), merchants)


@dataclass(slots=True)
class _Pending:
    """Labels and messages of other kinds whose time has not come yet, and payments that were looked at in advance."""

    world: World
    next_day: int
    labels: list[tuple[int, str, Label]] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    payments: dict[int, tuple[Payments, list[str]]] = field(default_factory=dict)

    def look_until(self, day: int) -> None:
        """Simulate the days up to this one, if that has not been done."""
        for each in range(self.next_day, day + 1):
            payments, ids = self.world.payments_of_day(each)
            labels = self.world.labels_of_day(each, payments, ids)
            for label in labels:
                heapq.heappush(self.labels, (label.known_us, label.label_id, label))
            self.rows += self.world.rows_of_day(each, payments, ids, labels)
            self.payments[each] = payments, ids
        self.next_day = max(self.next_day, day + 1)

    def known_before(self, moment_us: int) -> list[Label]:
        """Labels that become known before a moment, which are pending no longer."""
        known = []
        while self.labels and self.labels[0][0] < moment_us:
            known.append(heapq.heappop(self.labels)[2])
        return known

    def rows_before(self, moment_us: int) -> list[Rows]:
        """Messages of other kinds before a moment, which are pending no longer."""
        past, left = [], []
        for rows in self.rows:
            end = int(rows.event_time.searchsorted(moment_us))
            if end:
                past.append(rows.take(slice(0, end)))
            if end < len(rows):
                left.append(rows.take(slice(end, None)))
        self.rows = left
        return past


def simulate(world: World, since_us: int, until_us: int | None = None) -> Iterator[Block]:
    """Blocks of the span ``[since_us, until_us)``, day by day; without an end it goes on for ever.

    The blocks of two spans that meet are those of the one long span: what follows from payments outside of it and
    happens within the span is part of it, such as labels that become known weeks later.
    """
    since_us = max(since_us, world.config.start_us)
    first_day = day_of(since_us)
    pending = _Pending(world, max(day_of(world.config.start_us), first_day - HORIZON_DAYS))
    day = first_day
    while until_us is None or day * DAY_US < until_us:
        pending.look_until(day + LOOK_AHEAD_DAYS)
        end = (day + 1) * DAY_US if until_us is None else min((day + 1) * DAY_US, until_us)
        begin = max(day * DAY_US, since_us)
        if day == first_day:
            pending.known_before(begin)
            pending.rows_before(begin)
            pending.payments = {each: known for each, known in pending.payments.items() if each >= day}
        payments, ids = pending.payments.pop(day)
        low, high = payments.event_time.searchsorted([begin, end])
        within = np.arange(low, high, dtype=np.int64)
        labels, rows = pending.known_before(end), pending.rows_before(end)
        yield Block(day, begin, end, payments.take(within), ids[low:high], labels, rows)
        day += 1


def events(world: World, block: Block) -> Iterator[Event]:
    """A block's payments, labels and messages of other kinds, all in the order of their event time."""
    others = [label_event(label) for label in block.labels]
    others += [event for rows in block.rows for event in rows.events()]
    others.sort(key=lambda event: (event.event_us, event.topic.name, event.event_id))
    waiting = iter(others)
    other = next(waiting, None)
    for record in records(block.payments, block.ids, world.users, world.merchants):
        moment = record["event_time"]
        while other is not None and other.event_us <= moment:
            yield other
            other = next(waiting, None)
        yield Event(TRANSACTIONS, moment, record["transaction_id"], record["user_id"], record)
    while other is not None:
        yield other
        other = next(waiting, None)


def label_event(label: Label) -> Event:
    """A label as message."""
    return Event(LABELS, label.known_us, label.label_id, label.transaction_id, label.record())
