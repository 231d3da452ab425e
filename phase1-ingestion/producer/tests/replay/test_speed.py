"""Events leave at their own distances, divided by the factor; what is late or out of order is not waited for."""

import time

import pytest

from fraud_contracts import TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.replay import speed
from fraud_producer.replay.speed import at_speed
from fraud_producer.stopping import Stop


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Sleeper(Stop):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float | None) -> bool:
        self._clock.now += seconds or 0.0
        return self.requested


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(speed, "time", made)
    return made


def events(*seconds: float) -> list[Event]:
    return [Event(TRANSACTIONS, round(moment * 1e6), str(moment), "u", {}) for moment in seconds]


def test_distances_are_divided_by_the_factor(clock: Clock) -> None:
    polls: list[float] = []
    left = at_speed(events(1000, 1060, 1030, 1050, 1180), 60, Sleeper(clock), lambda: polls.append(clock.now))
    assert [(event.event_id, round(clock.now, 6)) for event in left] == [
        ("1000", 100.0),
        ("1060", 101.0),
        ("1030", 101.0),
        ("1050", 101.0),
        ("1180", 103.0),
    ]
    # delivery reports are taken at least twice a second meanwhile
    assert len(polls) >= 6


def test_a_row_far_out_of_order_costs_no_time(clock: Clock) -> None:
    left = at_speed(events(1000, 1180, 1000, 1240), 60, Sleeper(clock), lambda: None)
    assert [round(clock.now, 6) for _ in left] == [100.0, 103.0, 103.0, 104.0]


def test_after_a_stall_the_distances_go_on_without_a_burst(clock: Clock) -> None:
    left = at_speed(events(0, 60, 120, 180), 60, Sleeper(clock), lambda: None)
    assert next(left).event_id == "0"
    clock.now += 50
    assert [(event.event_id, round(clock.now, 6)) for event in left] == [("60", 150.0), ("120", 151.0), ("180", 152.0)]


def test_a_request_to_stop_ends_the_waiting() -> None:
    stop = Stop()
    left = at_speed(events(0, 3600), 1, stop, stop.request)
    begun = time.monotonic()
    assert [event.event_id for event in left] == ["0"]
    assert time.monotonic() - begun < 5
