"""When events leave by the wall clock: at a steady rate, as the simulated clock says, or until a limit is reached."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fraud_contracts import TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.stopping import Stop

# After a stall (a broker that was away) the rate goes on; what was missed is not sent in a burst.
_FORGIVEN_SECONDS: Final = 1.0
_LONGEST_SLEEP_SECONDS: Final = 0.5


class Pace:
    """Waits before each payment so that ``rate`` of them leave per second."""

    def __init__(self, rate: float, stop: Stop) -> None:
        self._interval = 1.0 / rate
        self._stop = stop
        self._next = time.monotonic()

    def due_in(self) -> float:
        """Seconds until the next payment, at most half a second so that a waiting sender stays responsive."""
        now = time.monotonic()
        if now - self._next > _FORGIVEN_SECONDS:
            self._next = now
        return min(max(0.0, self._next - now), _LONGEST_SLEEP_SECONDS)

    def sent(self) -> None:
        """A payment left: the next one is due an interval later."""
        self._next += self._interval

    def wait(self) -> bool:
        """Sleep until the next payment is due; returns whether an end was asked for meanwhile."""
        while (seconds := self.due_in()) > 0:
            if self._stop.wait(seconds):
                return True
        return self._stop.requested


def in_real_time(
    events: Iterable[Event], stop: Stop, meanwhile: Callable[[], None], seconds: float | None = None
) -> Iterator[Event]:
    """The events, each as long after the first one as its event time says, until an end is asked for or comes.

    The simulated clock runs like a real one from the first event on. After a stall it goes on from where it stood.
    ``meanwhile`` is called before each wait.
    """
    clock_us, wall = None, 0.0
    deadline = None if seconds is None else time.monotonic() + seconds
    for event in events:
        now = time.monotonic()
        if clock_us is None or now - wall - (event.event_us - clock_us) / 1e6 > _FORGIVEN_SECONDS:
            clock_us, wall = event.event_us, now
        due = wall + (event.event_us - clock_us) / 1e6
        while (now := time.monotonic()) < due:
            meanwhile()
            if stop.wait(min(due - now, _LONGEST_SLEEP_SECONDS)) or (deadline is not None and now >= deadline):
                return
        yield event


def limited(events: Iterable[Event], seconds: float | None = None, payments: int | None = None) -> Iterator[Event]:
    """The events until so many seconds have passed or so many payments are through; None is no limit."""
    deadline = None if seconds is None else time.monotonic() + seconds
    through = 0
    for event in events:
        if deadline is not None and time.monotonic() >= deadline:
            return
        if event.topic is TRANSACTIONS:
            if through == payments:
                return
            through += 1
        yield event
