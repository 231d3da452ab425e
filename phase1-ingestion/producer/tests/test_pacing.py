"""A steady rate and a real clock, without bursts after a stall."""

import time

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.pacing import Pace, in_real_time, limited
from fraud_producer.stopping import Stop

START = 1_772_000_000_000_000


def test_payments_leave_at_the_rate() -> None:
    pace = Pace(200, Stop())
    begun = time.monotonic()
    for _ in range(41):
        assert not pace.wait()
        pace.sent()
    assert 0.19 <= time.monotonic() - begun < 2


def test_a_stall_is_not_made_up_for() -> None:
    pace = Pace(10, Stop())
    pace._next -= 3600
    assert pace.due_in() == 0
    pace.sent()
    assert pace.due_in() > 0


def test_waiting_ends_when_an_end_is_asked_for() -> None:
    stop = Stop()
    pace = Pace(0.001, stop)
    pace.sent()
    stop.request()
    assert pace.wait()


def events(*seconds: float) -> list[Event]:
    """Payments so long after a first moment."""
    return [
        Event(TRANSACTIONS, round(START + each * 1e6), f"T{number}", "U1", {}) for number, each in enumerate(seconds)
    ]


def test_the_simulated_clock_runs_like_a_real_one() -> None:
    polled: list[int] = []
    begun = time.monotonic()
    left = [
        (event.event_id, time.monotonic() - begun)
        for event in in_real_time(events(0, 0.2, 0.2, 0.5), Stop(), lambda: polled.append(1))
    ]
    assert [name for name, _ in left] == ["T0", "T1", "T2", "T3"]
    for (_, seconds), due in zip(left, (0, 0.2, 0.2, 0.5), strict=True):
        assert due <= seconds < due + 0.3
    assert polled


def test_after_a_stall_the_clock_goes_on_from_where_it_stood() -> None:
    times = []
    for event in in_real_time(events(0, 0.1, 0.3, 0.4), Stop(), lambda: None):
        times.append(time.monotonic())
        if event.event_id == "T0":
            time.sleep(1.6)
    # the event that was late leaves at once, those after it as far apart as ever
    assert 0.15 < times[2] - times[1] < 0.5
    assert 0.05 < times[3] - times[2] < 0.4


def test_a_wait_for_the_clock_ends_with_a_request_and_with_the_time() -> None:
    stop = Stop()
    assert [event.event_id for event in in_real_time(events(0, 3600), stop, stop.request)] == ["T0"]
    begun = time.monotonic()
    assert [event.event_id for event in in_real_time(events(0, 3600), Stop(), lambda: None, seconds=0.2)] == ["T0"]
    assert time.monotonic() - begun < 2


def test_a_limit_counts_payments_and_lets_what_comes_with_them_through() -> None:
    label = Event(LABELS, START, "L0", "T0", {})
    coming = [*events(0, 1), label, *events(2, 3)]
    assert list(limited(coming, payments=2)) == coming[:3]
    assert list(limited(coming)) == coming
    assert list(limited(coming, seconds=0.0)) == []
