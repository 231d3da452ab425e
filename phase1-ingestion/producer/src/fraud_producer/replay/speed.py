"""Sending events at their own distances in time, made shorter by a factor."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fraud_producer.events import Event
from fraud_producer.stopping import Stop

# After a stall (a broker that was away) the distances go on; what was missed is not sent in a burst.
_FORGIVEN_SECONDS: Final = 1.0
_LONGEST_SLEEP_SECONDS: Final = 0.5


def at_speed(events: Iterable[Event], factor: float, stop: Stop, idle: Callable[[], None]) -> Iterator[Event]:
    """The events when their time has come: ``factor`` seconds of event time pass in one second.

    An event older than one before it comes at once. ``idle`` is called before each sleep; a request to stop ends it.
    """
    due_us: float | None = None
    due_at = 0.0
    for event in events:
        if due_us is None:
            due_us, due_at = event.event_us, time.monotonic()
        if event.event_us > due_us:
            due_at += (event.event_us - due_us) / 1e6 / factor
            due_us = event.event_us
        while (wait := due_at - time.monotonic()) > 0 and not stop.requested:
            idle()
            stop.wait(min(wait, _LONGEST_SLEEP_SECONDS))
        if stop.requested:
            return
        if -wait > _FORGIVEN_SECONDS:
            due_at = time.monotonic()
        yield event
