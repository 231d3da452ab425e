"""Sends events to Kafka: idempotent, acknowledged by all replicas, in bounded memory, every report in the ledger."""

import logging
import time
from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter, Gauge

from fraud_contracts import RAW_TOPICS, TRANSACTIONS, Topic
from fraud_producer.avro import Encoder
from fraud_producer.errors import DeliveryError
from fraud_producer.events import Event
from fraud_producer.ledger import Ledger
from fraud_producer.metrics import EVENTS, NEWEST_EVENT_TIME, QUEUED
from fraud_producer.partitioning import PARTITIONER
from fraud_producer.registry import Registry
from fraud_producer.topics import Topics

log = logging.getLogger(__name__)

# The queue is the producer's memory: beyond it send() waits for the broker.
QUEUE_MESSAGES: Final = 50_000
QUEUE_KILOBYTES: Final = 64 * 1024
# A broker outage shorter than this loses nothing: messages wait in the queue.
DELIVERY_TIMEOUT_MS: Final = 300_000
FLUSH_SECONDS: Final = 30.0
_POLL_EVERY: Final = 64
_FULL_QUEUE_WAIT_SECONDS: Final = 0.2


@dataclass(slots=True)
class Deliveries:
    """Counts per topic: acknowledged by the broker, refused for good, and neither when the producer was closed."""

    acknowledged: Tally[str] = field(default_factory=Tally)
    failed: Tally[str] = field(default_factory=Tally)
    unknown: int = 0
    first_event_us: int | None = None
    last_event_us: int | None = None
    first_failure: str = ""

    @property
    def complete(self) -> bool:
        return not self.failed.total() and not self.unknown

    def note(self, topic: Topic, event_us: int) -> None:
        """Count one acknowledgement; the span covers payments only."""
        self.acknowledged[topic.name] += 1
        if topic.key_field == TRANSACTIONS.key_field:
            self.first_event_us = event_us if self.first_event_us is None else min(self.first_event_us, event_us)
            self.last_event_us = event_us if self.last_event_us is None else max(self.last_event_us, event_us)


@dataclass(frozen=True, slots=True)
class _Metrics:
    """A topic's metrics, looked up once: finding a labelled child costs more than counting."""

    acknowledged: Counter
    failed: Counter
    newest: Gauge

    @classmethod
    def of(cls, topic: Topic) -> Self:
        return cls(
            EVENTS.labels(topic.name, "acknowledged"),
            EVENTS.labels(topic.name, "failed"),
            NEWEST_EVENT_TIME.labels(topic.name),
        )


class EventProducer:
    """A producer of the contracts' topics. Use it as a context manager: leaving flushes.

    Raises:
        TopicError, RegistryError: on entering, a topic or its schema is not there yet.
        UnreachableError: on entering, the broker or the registry does not answer.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        registry_url: str,
        ledger: Ledger,
        topics: Iterable[Topic] = RAW_TOPICS,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        self._servers = bootstrap_servers
        self._registry_url = registry_url
        self._ledger = ledger
        self._topics = tuple(topics)
        self._overrides = overrides or {}
        self._encoders: dict[str, Encoder] = {}
        self._producer: Producer | None = None
        self._sent = 0
        self._fatal: KafkaError | None = None
        self._metrics = {topic.name: _Metrics.of(topic) for topic in self._topics}
        self.deliveries = Deliveries()

    def __enter__(self) -> Self:
        known = Topics(self._servers)
        with Registry(self._registry_url) as registry:
            for topic in self._topics:
                known.partitions(topic.name)
                self._encoders[topic.name] = Encoder(topic, registry.lookup(topic))
        self._producer = Producer(
            {
                "bootstrap.servers": self._servers,
                "client.id": "fraud-producer",
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": PARTITIONER,
                "compression.type": "lz4",
                "linger.ms": 20,
                "queue.buffering.max.messages": QUEUE_MESSAGES,
                "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "error_cb": self._on_error,
                "log_level": 3,
            }
            | self._overrides
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, event: Event) -> None:
        """Queue one event; waits while the queue is full, which is how a slow broker slows the sender down.

        Raises:
            DeliveryError: the client cannot go on (a fatal error of the idempotent producer).
            ValueError: the record does not fit its schema.
        """
        producer = self._client()
        value = self._encoders[event.topic.name].encode(event.record)
        report = partial(self._on_delivery, event.topic, event.event_id, event.event_us)
        while True:
            try:
                producer.produce(event.topic.name, value, event.key, on_delivery=report)
                break
            except BufferError:
                self.poll(_FULL_QUEUE_WAIT_SECONDS)
            except KafkaException as problem:
                raise DeliveryError(f"Kafka refused to take messages: {problem.args[0].str()}") from problem
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self.poll(0)

    def poll(self, seconds: float = 0.0) -> None:
        """Take delivery reports.

        Raises:
            DeliveryError: the client cannot go on.
        """
        self._client().poll(seconds)
        self._ledger.flush_if_due()
        QUEUED.set(len(self._client()))
        if self._fatal is not None:
            raise DeliveryError(f"the producer cannot go on: {self._fatal.str()}")

    def flush(self, seconds: float = FLUSH_SECONDS) -> int:
        """Wait until every queued message is acknowledged or failed; returns how many are neither by then."""
        deadline = time.monotonic() + seconds
        waiting = len(self._client())
        while waiting and time.monotonic() < deadline:
            waiting = self._client().flush(min(1.0, max(0.0, deadline - time.monotonic())))
            self._ledger.flush_if_due()
        return waiting

    def close(self) -> None:
        """Flush, count what is neither acknowledged nor failed, and close the ledger."""
        if self._producer is None:
            return
        self.deliveries.unknown = self.flush()
        self._producer = None
        self._ledger.close()

    def require_complete(self) -> None:
        """Raise if a message of this run was not acknowledged.

        Raises:
            DeliveryError: names how many failed or are unknown.
        """
        done = self.deliveries
        if not done.complete:
            raise DeliveryError(
                f"{done.failed.total()} messages failed and {done.unknown} are unknown "
                f"({done.first_failure or 'no report in time'}): the ledger lists what arrived; "
                "see Kafka's log and run the command again, it continues where the topic ends"
            )

    def _client(self) -> Producer:
        if self._producer is None:
            raise DeliveryError("the producer is not open: use it in a with statement")
        return self._producer

    def _on_delivery(
        self, topic: Topic, event_id: str, event_us: int, error: KafkaError | None, message: Message
    ) -> None:
        if error is None:
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None:
                raise DeliveryError(f"the broker acknowledged {event_id} without saying where")
            self._ledger.acknowledge(topic, partition, offset, event_id)
            self.deliveries.note(topic, event_us)
            self._metrics[topic.name].acknowledged.inc()
            self._metrics[topic.name].newest.set(event_us / 1e6)
        else:
            self.deliveries.failed[topic.name] += 1
            self.deliveries.first_failure = self.deliveries.first_failure or f"{event_id}: {error.str()}"
            self._metrics[topic.name].failed.inc()
            log.error("%s was not delivered to %s: %s", event_id, topic.name, error.str())

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        log.warning("Kafka: %s", error.str())
