"""Sends payments at a steady rate, whatever becomes of them, and remembers when each was acknowledged."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.freshness.commits import Coordinates
from fraud_producer.avro import Encoder
from fraud_producer.client_config import client_config
from fraud_producer.events import Event

_FLUSH_SECONDS: Final = 60.0
# a delivery report is taken when it comes; this is only how long the taker looks before it asks whether to end
_POLL_SECONDS: Final = 0.1
_SLICE_SECONDS: Final = 0.01


@dataclass(slots=True)
class Sender:
    """Encodes and produces the next of ``events``, with the client settings of our producer.

    ``acknowledged_at`` holds the wall clock's seconds when a message's delivery report was taken, by its coordinates.
    """

    servers: str
    topic: str
    encoder: Encoder
    events: Iterator[Event]
    acknowledged_at: dict[Coordinates, float] = field(default_factory=dict)
    sent: int = 0
    _failed: str = ""

    def send(self, per_second: float, seconds: float) -> None:
        """Open loop: the n-th message leaves n / per_second after the first, however slow the broker is.

        Raises:
            BenchmarkError: a message was not acknowledged, or this machine could not send so many.
        """
        self.acknowledged_at.clear()
        self.sent = 0
        producer = Producer(client_config(self.servers))
        ended = threading.Event()
        taker = threading.Thread(target=self._take_reports, args=(producer, ended), name="reports", daemon=True)
        taker.start()
        count = round(per_second * seconds)
        begun = time.monotonic()
        while self.sent < count:
            due = min(count, int((time.monotonic() - begun) * per_second) + 1)
            while self.sent < due:
                event = next(self.events)
                producer.produce(self.topic, self.encoder.encode(event.record), event.key, on_delivery=self._report)
                self.sent += 1
            time.sleep(_SLICE_SECONDS)
        took = time.monotonic() - begun
        producer.flush(_FLUSH_SECONDS)
        ended.set()
        taker.join()
        if self._failed or len(self.acknowledged_at) != self.sent:
            missing = self.sent - len(self.acknowledged_at)
            raise BenchmarkError(f"{missing} messages were not acknowledged: {self._failed or 'no report in time'}")
        if took > seconds * 1.02 + _SLICE_SECONDS:
            raise BenchmarkError(
                f"{count} messages took {took:.1f} s: this machine cannot send {per_second:g} a second"
            )

    def _take_reports(self, producer: Producer, ended: threading.Event) -> None:
        while not ended.is_set():
            producer.poll(_POLL_SECONDS)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            self._failed = error.str() if error is not None else "without coordinates"
        else:
            self.acknowledged_at[partition, offset] = time.time()
