"""A steady rate, without bursts after a stall."""

import time

from fraud_producer.pacing import Pace
from fraud_producer.stopping import Stop


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
