"""Running again goes on without a gap and without a repetition, for every kind and wherever each partition stopped."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

import pytest

from fraud_contracts import LOGINS, RAW_TOPICS, topic
from fraud_producer.continuation import Continuation
from fraud_producer.events import Event
from fraud_producer.injected_case import case_ending_at
from fraud_producer.pan import CardHasher
from fraud_producer.partitioning import partition_of
from fraud_producer.positions import Positions
from fraud_producer.side_events import is_side_id
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.kinds.day import MINUTE_US

START = 20_700 * DAY_US + 10 * 3_600_000_000
UNTIL = START + 12 * DAY_US
CONFIG = SimulationConfig(start_us=START, seed=3, customers=60, transactions_per_day=150, fraud_rate=0.1)


def positions_of(held: Iterable[Event]) -> dict[str, Positions]:
    """What a broker that holds these events says; cases and reactive alerts are no part of the sequence."""
    newest: dict[str, dict[int, int]] = defaultdict(dict)
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for event in held:
        if is_side_id(event.event_id):
            continue
        name, partition = event.topic.name, partition_of(event.key, event.topic.partitions)
        if event.event_us > newest[name].get(partition, -1):
            newest[name][partition] = event.event_us
            ids[name, partition] = set()
        if event.event_us == newest[name][partition]:
            ids[name, partition].add(event.event_id)
    return {
        each.name: Positions(
            each.name,
            topic(each.name).partitions,
            0,
            newest[each.name],
            {partition: frozenset(ids[each.name, partition]) for partition in newest[each.name]},
        )
        for each in RAW_TOPICS
    }


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(CONFIG, CardHasher(b"k" * 32))


@pytest.fixture(scope="module")
def whole(world: World) -> list[Event]:
    return list(Continuation(world, positions_of([])).events(UNTIL))


def names(events: Iterable[Event]) -> list[str]:
    return [event.event_id for event in events]


def broken_off(whole: list[Event], draw: random.Random) -> list[Event]:
    """What a kill leaves: of each partition of each topic another part, from its beginning on."""
    share = defaultdict(lambda: draw.uniform(0.5, 0.95))
    return [
        event
        for number, event in enumerate(whole)
        if number < len(whole) * share[event.topic.name, partition_of(event.key, event.topic.partitions)]
    ]


def test_all_six_kinds_are_there(whole: list[Event]) -> None:
    assert set(Counter(event.topic.name for event in whole)) == {each.name for each in RAW_TOPICS}
    assert len(set(names(whole))) == len(whole)


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_run_goes_on_without_gap_or_repetition(world: World, whole: list[Event], seed: int) -> None:
    kept = broken_off(whole, random.Random(seed))
    rest = list(Continuation(world, positions_of(kept)).events(UNTIL))
    assert sorted(names(kept + rest)) == sorted(names(whole))


@pytest.mark.parametrize("seed", range(3))
def test_cases_and_reactive_alerts_in_between_change_nothing(world: World, whole: list[Event], seed: int) -> None:
    kept = broken_off(whole, random.Random(seed))
    newest = max(event.event_us for event in kept)
    # one at the end of the topics, and one far in the future
    for number, moment in enumerate((newest, UNTIL + 9 * DAY_US)):
        case = case_ending_at(world, "velocity_burst", moment, number)
        assert all(is_side_id(event.event_id) for event in case.events)
        kept += case.events
    rest = list(Continuation(world, positions_of(kept)).events(UNTIL))
    own = [name for name in names(kept) if not is_side_id(name)]
    assert sorted(own + names(rest)) == sorted(names(whole))


@pytest.mark.parametrize("seed", range(3))
def test_filled_minutes_are_filled_once(world: World, seed: int) -> None:
    # an end beside a minute's, as no stream has one
    until = START + DAY_US // 2 + 12_345
    whole = list(takewhile(lambda event: event.event_us < until, ticking(world, [])))
    kept = broken_off(whole, random.Random(seed))
    rest = list(takewhile(lambda event: event.event_us < until, ticking(world, kept)))
    assert sorted(names(kept + rest)) == sorted(names(whole))


def test_a_minute_that_was_broken_off_is_filled(world: World) -> None:
    until = START + DAY_US // 2
    whole = list(takewhile(lambda event: event.event_us < until, ticking(world, [])))
    # one partition ends in the middle of a minute, all others are complete
    last = next(event for event in whole[len(whole) // 2 :] if event.topic is LOGINS and "-m" not in event.event_id)
    partition = partition_of(last.key, LOGINS.partitions)
    kept = [
        event
        for event in whole
        if event.topic is not LOGINS
        or partition_of(event.key, LOGINS.partitions) != partition
        or event.event_us <= last.event_us
    ]
    rest = list(takewhile(lambda event: event.event_us < until, ticking(world, kept)))
    assert sorted(names(kept + rest)) == sorted(names(whole))


def ticking(world: World, kept: list[Event]) -> Iterable[Event]:
    return Continuation(world, positions_of(kept)).events(minute_tick=True)


def test_every_minute_has_at_least_one_event_of_each_kind(world: World) -> None:
    until = START + 3 * 3_600_000_000
    seen = defaultdict(set)
    last = 0
    for event in takewhile(lambda event: event.event_us < until, ticking(world, [])):
        assert event.event_us >= last
        last = event.event_us
        seen[event.event_us // MINUTE_US].add(event.topic.name)
    assert sorted(seen) == list(range(START // MINUTE_US, until // MINUTE_US))
    assert all(found == {each.name for each in RAW_TOPICS} for found in seen.values())


def test_a_kind_that_is_switched_off_is_not_filled_and_holds_nothing_up(world: World) -> None:
    silent = replace(world, config=replace(CONFIG, alert_rate=0.0))
    until = START + 2 * 3_600_000_000
    found = list(takewhile(lambda event: event.event_us < until, ticking(silent, [])))
    assert "external_alerts.raw" not in {event.topic.name for event in found}
    full = list(Continuation(silent, positions_of([])).events(UNTIL))
    again = Continuation(silent, positions_of(full))
    assert list(again.events(UNTIL)) == []
