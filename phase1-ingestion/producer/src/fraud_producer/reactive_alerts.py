"""Alerts that react to live payments: a few workers look at each payment that was just sent.

They run beside a stream or a burst only. When a worker gets to a payment depends on the machine, and a history must be
the same every time it is sent; a history's alerts are those of the simulated world.

Payments never wait for a worker: one that finds the queue full is counted as dropped and not looked at.
"""

import queue
import threading
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Any, Final, Self

from fraud_contracts import EXTERNAL_ALERTS, TRANSACTIONS, field_names
from fraud_producer.events import Event, cents_of
from fraud_producer.metrics import REACTIVE_ALERTS, REACTIVE_PAYMENTS, REACTIVE_QUEUED
from fraud_producer.side_events import side_id

SOURCE: Final = "reactive"
# So many payments of one user within a window of event time are an alert, once per window.
VELOCITY_PAYMENTS: Final = 5
VELOCITY_WINDOW_US: Final = 10 * 60_000_000
# Hundredths of the base currency.
HIGH_AMOUNT_CENTS: Final = 1_500_00
EXPIRES_AFTER_US: Final = 24 * 3_600_000_000
# Users whose last payments are remembered; who has not paid for longest is forgotten first.
REMEMBERED_USERS: Final = 50_000
_FIELDS: Final = field_names(EXTERNAL_ALERTS)


class ReactiveAlerts:
    """A bounded queue of payments and the workers that look at them. Use it as a context manager."""

    def __init__(self, workers: int, queue_size: int) -> None:
        self._waiting: queue.Queue[Event | None] = queue.Queue(queue_size)
        # taken with every payment that is sent, so there are never more than two for each that waited
        self._made: deque[dict[str, Any]] = deque()
        self._newest_us = 0
        self._recent = _RecentPayments()
        self._workers = [
            threading.Thread(target=self._work, name=f"alerts-{number}", daemon=True) for number in range(workers)
        ]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        REACTIVE_QUEUED.set_function(self._waiting.qsize)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look_at(self, payment: Event) -> None:
        """Let a worker look at a payment that was sent; returns at once, whether there is room or not."""
        self._newest_us = max(self._newest_us, payment.event_us)
        if not self._workers:
            return
        try:
            self._waiting.put_nowait(payment)
        except queue.Full:
            REACTIVE_PAYMENTS.labels("dropped").inc()

    def alerts(self) -> Iterator[Event]:
        """The alerts that are ready; they become known at the event time of the newest payment."""
        while self._made:
            now_us = self._newest_us
            record = self._made.popleft() | {"event_time": now_us, "expires_at": now_us + EXPIRES_AFTER_US}
            yield Event(EXTERNAL_ALERTS, now_us, record["alert_id"], record["entity_id"], record)

    def close(self, seconds: float = 5.0) -> None:
        """Let the workers finish what waits, and end them."""
        for worker in self._workers:
            if worker.is_alive():
                self._waiting.put(None, timeout=seconds)
        for worker in self._workers:
            worker.join(seconds)
        self._workers = []
        # nobody looks at what is left any more
        REACTIVE_QUEUED.set_function(lambda: 0.0)

    def _work(self) -> None:
        while (payment := self._waiting.get()) is not None:
            for alert_type in self._recent.judge(payment):
                self._made.append(_alert(payment, alert_type))
                REACTIVE_ALERTS.labels(alert_type).inc()
            REACTIVE_PAYMENTS.labels("looked_at").inc()


def with_reactive_alerts(events: Iterable[Event], reactive: ReactiveAlerts) -> Iterator[Event]:
    """The events, with alerts in between as they become ready; the workers see a payment once it was sent."""
    for event in events:
        yield event
        # whoever asks for the next event has sent this one
        if event.topic is TRANSACTIONS:
            reactive.look_at(event)
            yield from reactive.alerts()


class _RecentPayments:
    """The last payments per user, shared by all workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[int]] = OrderedDict()
        self._alerted: dict[str, int] = {}

    def judge(self, payment: Event) -> list[str]:
        """Kinds of alerts that this payment is worth."""
        found = []
        if self._is_burst(payment):
            found.append("VELOCITY")
        record = payment.record
        if record.get("is_international") and cents_of(record["amount"]) >= HIGH_AMOUNT_CENTS:
            found.append("HIGH_AMOUNT_ABROAD")
        return found

    def _is_burst(self, payment: Event) -> bool:
        user, moment = payment.key, payment.event_us
        with self._lock:
            times = self._times.setdefault(user, deque(maxlen=VELOCITY_PAYMENTS))
            self._times.move_to_end(user)
            times.append(moment)
            if len(self._times) > REMEMBERED_USERS:
                forgotten, _ = self._times.popitem(last=False)
                self._alerted.pop(forgotten, None)
            # workers may overtake each other by a payment or two
            if len(times) < VELOCITY_PAYMENTS or max(times) - min(times) > VELOCITY_WINDOW_US:
                return False
            if moment - self._alerted.get(user, moment - 2 * VELOCITY_WINDOW_US) <= VELOCITY_WINDOW_US:
                return False
            self._alerted[user] = moment
            return True


def _alert(payment: Event, alert_type: str) -> dict[str, Any]:
    record = payment.record
    is_velocity = alert_type == "VELOCITY"
    number = zlib.crc32(payment.event_id.encode("utf-8"))
    return dict.fromkeys(_FIELDS) | {
        "alert_id": side_id("R", alert_type.lower(), payment.event_us, number),
        "entity_id": record["user_id"],
        "entity_type": "USER",
        "source": SOURCE,
        "alert_type": alert_type,
        "severity": "HIGH" if is_velocity else "MEDIUM",
        "transaction_id": payment.event_id,
        "user_id": record["user_id"],
        "card_hash": record.get("card_hash"),
        "merchant_id": record["merchant_id"],
        "device_id": record.get("device_id"),
        "country": record.get("country"),
        "transaction_time": payment.event_us,
        "amount": record["amount"],
        "description": "many payments within minutes" if is_velocity else "a high amount outside the user's country",
    }
