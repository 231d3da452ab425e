"""A circuit breaker for the one dependency that a payment must not wait for."""

import enum
import time
from collections.abc import Callable


class BreakerState(enum.StrEnum):
    """What the breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after consecutive failures, lets one probe through after a pause, closes when that succeeds.

    It guards one event loop: no method awaits between reading and writing the state, so no lock is needed.
    """

    def __init__(
        self, *, failures_to_open: int = 3, pause_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures_to_open = failures_to_open
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing_since: float | None = None

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._probing_since is None else BreakerState.HALF_OPEN

    def allow(self) -> bool:
        """Whether a call may be made now; the caller must report how it went."""
        if self._opened_at is None:
            return True
        now = self._clock()
        # A probe that was never reported (its request was cancelled) must not keep the breaker open for ever.
        waiting_since = self._opened_at if self._probing_since is None else self._probing_since
        if now - waiting_since < self._pause_seconds:
            return False
        self._probing_since = now
        return True

    def succeeded(self) -> None:
        """A call went well: everything may pass."""
        self._failures = 0
        self._opened_at = None
        self._probing_since = None

    def failed(self) -> None:
        """A call failed or took too long."""
        self._failures += 1
        if self._opened_at is not None or self._failures >= self._failures_to_open:
            self._opened_at = self._clock()
            self._probing_since = None
