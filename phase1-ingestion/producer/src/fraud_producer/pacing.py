"""Sending at a steady rate of the wall clock, whatever the events' own times are."""

import time
from typing import Final

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
