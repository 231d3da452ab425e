"""The loops that move events into Kafka: as fast as possible for history, at a rate for live payments."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from fraud_contracts import TRANSACTIONS
from fraud_producer.events import Event, iso
from fraud_producer.pacing import Pace
from fraud_producer.producer import Deliveries, EventProducer
from fraud_producer.stopping import Stop

_REPORT_EVERY: Final = 2000


def feed(
    producer: EventProducer,
    events: Iterable[Event],
    stop: Stop,
    report: Callable[[Event, int], None] | None = None,
) -> int:
    """Send events as fast as the broker takes them until they end or an end is asked for; returns how many."""
    sent = 0
    for event in events:
        if not producer.send(event, stop):
            break
        sent += 1
        if sent % _REPORT_EVERY == 0:
            if report is not None:
                report(event, sent)
            if stop.requested:
                break
    return sent


def feed_at_rate(
    producer: EventProducer, events: Iterable[Event], stop: Stop, rate: float, seconds: float | None = None
) -> int:
    """Send ``rate`` payments per second, labels along with them, for a while or for ever; returns the payments."""
    pace = Pace(rate, stop)
    deadline = None if seconds is None else time.monotonic() + seconds
    sent = 0
    for event in events:
        if event.topic is TRANSACTIONS:
            while (wait := pace.due_in()) > 0 and not stop.requested:
                # waiting takes delivery reports, so that the ledger never lags behind
                producer.poll(0)
                stop.wait(wait)
            pace.sent()
            sent += 1
        if stop.requested or (deadline is not None and time.monotonic() >= deadline):
            break
        if not producer.send(event, stop):
            break
    return sent


def summary(deliveries: Deliveries, run_id: str, seconds: float, **more: Any) -> str:
    """One line of JSON about a run."""
    total = deliveries.acknowledged.total()
    first, last = deliveries.first_event_us, deliveries.last_event_us
    return json.dumps(
        {
            "produced": dict(sorted(deliveries.acknowledged.items())),
            "failed": deliveries.failed.total(),
            "unknown": deliveries.unknown,
            "dead_letters": deliveries.dead_letters.total(),
            "first_event_time": None if first is None else iso(first),
            "last_event_time": None if last is None else iso(last),
            "seconds": round(seconds, 2),
            "events_per_second": round(total / seconds) if seconds else 0,
            "ledger_run": run_id,
        }
        | more
    )
