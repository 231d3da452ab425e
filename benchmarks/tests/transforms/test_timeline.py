"""Pieces of a world: each event once, in order, and the same hour whatever history is before it."""

from itertools import islice, takewhile
from typing import Final

import pytest

from fraud_benchmarks.transforms.sizes import END_US, HOUR_US, Sizes
from fraud_benchmarks.transforms.timeline import Timeline
from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator.config import SimulationConfig

SIZES: Final = Sizes(20_000, 4_000)
HASHER: Final = CardHasher(b"a key that hashes nobody's card")


def ids(events: list[Event]) -> list[str]:
    return [event.event_id for event in events]


@pytest.fixture(scope="module")
def whole() -> list[Event]:
    return list(Timeline(SIZES.long(), HASHER).until(END_US + HOUR_US))


def test_pieces_hold_every_event_once_in_the_order_of_time(whole: list[Event]) -> None:
    timeline = Timeline(SIZES.long(), HASHER)
    middle = whole[len(whole) // 2].event_us
    # an event of the very moment belongs to the piece that begins there
    pieces = [list(timeline.until(moment)) for moment in (middle, middle, END_US, END_US + HOUR_US)]
    assert pieces[1] == []
    assert ids([event for piece in pieces for event in piece]) == ids(whole)
    assert all(event.event_us < middle for event in pieces[0])
    assert pieces[2][0].event_us == middle


def test_a_piece_that_was_not_taken_to_its_end_goes_on(whole: list[Event]) -> None:
    timeline = Timeline(SIZES.long(), HASHER)
    begun = list(islice(timeline.until(END_US), 5))
    assert ids(begun + list(timeline.until(END_US + HOUR_US))) == ids(whole)


def payments_of_the_hour(world: SimulationConfig) -> list[str]:
    timeline = Timeline(world, HASHER)
    for _ in timeline.until(END_US):
        pass
    return ids([event for event in timeline.until(END_US + HOUR_US) if event.topic is TRANSACTIONS])


def test_long_and_short_histories_get_the_same_payments_in_the_added_hour() -> None:
    long, short = payments_of_the_hour(SIZES.long()), payments_of_the_hour(SIZES.short())
    assert long == short
    assert len(long) > 10


def test_there_are_as_many_payments_as_asked_for_and_labels_beside_them(whole: list[Event]) -> None:
    history = list(takewhile(lambda event: event.event_us < END_US, whole))
    payments = sum(event.topic is TRANSACTIONS for event in history)
    assert payments == pytest.approx(SIZES.rows, rel=0.1)
    assert {event.topic for event in history} == {TRANSACTIONS, LABELS}
