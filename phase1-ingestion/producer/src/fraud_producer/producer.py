"""Sends events to Kafka: idempotent, acknowledged by all replicas, in bounded memory, every report in the ledger."""

import json
import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter, Gauge

from fraud_contracts import RAW_TOPICS, TRANSACTIONS, Topic
from fraud_producer.avro import UNFIT, Encoder
from fraud_producer.client_config import client_config
from fraud_producer.dead_letters import OTHER, TOO_LARGE, Headers, counted_reason, dead_letter
from fraud_producer.errors import DeliveryError
from fraud_producer.events import Event
from fraud_producer.health import HEALTH, REPORT_SECONDS
from fraud_producer.ledger import Ledger
from fraud_producer.message_ranges import offset_limits
from fraud_producer.metrics import DEAD_LETTERS, EVENTS, NEWEST_EVENT_TIME, QUEUED
from fraud_producer.pan import without_card_numbers
from fraud_producer.reconciling import RUN_HEADER, reconcile
from fraud_producer.registry import Registry
from fraud_producer.runs import TopicStart
from fraud_producer.stopping import Stop
from fraud_producer.topics import Topics
from fraud_producer.undelivered import Outcome

log = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 30.0
_POLL_EVERY: Final = 64
_FULL_QUEUE_WAIT_SECONDS: Final = 0.2
_COMPLAIN_EVERY_SECONDS: Final = 30.0
# The first failures are worth a line each; the ledger names all.
_FAILURES_SHOWN: Final = 5
# Reports that say for certain that the broker does not hold the message; after any other error it may be there.
_CERTAIN: Final = frozenset(
    {
        KafkaError._PURGE_QUEUE,  # never sent
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)


@dataclass(slots=True)
class Deliveries:
    """Counts per topic: acknowledged by the broker, refused for good, sent to the dead letter topic instead.

    ``unknown`` are neither: no report came, and they may have arrived.
    """

    acknowledged: Tally[str] = field(default_factory=Tally)
    failed: Tally[str] = field(default_factory=Tally)
    dead_letters: Tally[str] = field(default_factory=Tally)
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
        if topic.id_field == TRANSACTIONS.id_field:
            if self.first_event_us is None or event_us < self.first_event_us:
                self.first_event_us = event_us
            if self.last_event_us is None or event_us > self.last_event_us:
                self.last_event_us = event_us


@dataclass(frozen=True, slots=True)
class _Metrics:
    """A topic's metrics, looked up once and not with every event."""

    acknowledged: Counter
    failed: Counter
    unknown: Counter
    dead_letters: Counter
    newest: Gauge

    @classmethod
    def of(cls, topic: Topic) -> Self:
        for reason in (TOO_LARGE, OTHER):
            # the fields are too many to be shown before one of them is wrong
            DEAD_LETTERS.labels(topic.name, reason)
        return cls(
            EVENTS.labels(topic.name, "acknowledged"),
            EVENTS.labels(topic.name, "failed"),
            EVENTS.labels(topic.name, "unknown"),
            EVENTS.labels(topic.name, "dead_letter"),
            NEWEST_EVENT_TIME.labels(topic.name),
        )


class EventProducer:
    """A producer of the contracts' topics. Use it as a context manager: leaving flushes.

    Entering first makes the ledger whole again where an earlier run ended without its last reports.

    Raises:
        TopicError, RegistryError: on entering, a topic or its schema is not there yet.
        UnreachableError: on entering, the broker or the registry does not answer.
        LedgerError: on entering, the ledger cannot be understood.
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
        self._headers: Headers = [(RUN_HEADER, ledger.run_id.encode())]
        self._sent = 0
        self._reports = 0
        self._reports_polled = 0
        self._reports_seen = 0
        self._given_up = 0
        self._fatal: KafkaError | None = None
        # by topic, since the metrics were told last
        self._newest_us: dict[str, int] = {}
        self._told: Tally[str] = Tally()
        self._metrics = {topic.name: _Metrics.of(topic) for topic in self._topics}
        self.deliveries = Deliveries()

    def __enter__(self) -> Self:
        known = Topics(self._servers)
        partitions = {}
        with Registry(self._registry_url) as registry:
            for topic in self._topics:
                partitions[topic.name] = range(known.partitions(topic.name))
                self._encoders[topic.name] = Encoder(topic, registry.lookup(topic))
        reconcile(self._ledger.directory, self._servers, self._registry_url)
        limits = offset_limits(self._servers, partitions)
        self._ledger.begin(
            {
                topic.name: TopicStart(
                    topic.id_field, {partition: end for partition, (_, end) in limits[topic.name].items()}
                )
                for topic in self._topics
            }
        )
        self._producer = Producer(
            client_config(self._servers)
            | {
                "statistics.interval.ms": round(REPORT_SECONDS * 1000),
                "stats_cb": _note_brokers,
                "error_cb": self._on_error,
            }
            | self._overrides
        )
        HEALTH.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, event: Event, stop: Stop | None = None) -> bool:
        """Queue one event; waits while the queue is full, which is how a slow broker slows the sender down.

        What does not fit its schema goes to the dead letter topic instead, with the reason. Nothing else is judged
        here: types, missing fields and enum symbols are, the contracts' bounds (lengths, patterns, ranges) are not.
        Events from outside were held to those when their row was parsed, simulated ones keep them by construction, and
        Bronze judges every message by them again. Returns whether the event was taken; it is not when ``stop`` was
        requested while the queue was full.

        Raises:
            DeliveryError: the client cannot go on (a fatal error of the idempotent producer).
        """
        encoder = self._encoders[event.topic.name]
        try:
            value = encoder.encode(event.record)
        except UNFIT:
            field_name, reason = encoder.misfit(event.record)
            counted = counted_reason(event.topic, field_name)
            # the reason quotes the value
            return self._send_dead_letter(event, field_name, without_card_numbers(reason), counted, stop)
        report = partial(self._on_delivery, event.topic, event.event_id, event.event_us)
        try:
            return self._produce(event.topic.name, value, event.key, report, self._headers, stop)
        except _TooLargeError as problem:
            return self._send_dead_letter(event, "", str(problem), TOO_LARGE, stop)

    def poll(self, seconds: float = 0.0) -> None:
        """Take delivery reports.

        Raises:
            DeliveryError: the client cannot go on.
        """
        self._client().poll(seconds)
        self._ledger.flush_if_due()
        self._note_queue()
        if self._fatal is not None:
            raise DeliveryError(f"the producer cannot go on: {self._fatal.str()}")

    def flush(self, seconds: float = FLUSH_SECONDS) -> int:
        """Wait until every queued message is acknowledged or failed; returns how many are neither by then."""
        deadline = time.monotonic() + seconds
        waiting = len(self._client())
        while waiting and time.monotonic() < deadline:
            waiting = self._client().flush(min(1.0, max(0.0, deadline - time.monotonic())))
            self._ledger.flush_if_due()
            self._note_queue()
        return waiting

    def close(self) -> None:
        """Flush, name what is neither acknowledged nor failed by then, and close the ledger."""
        if self._producer is None:
            return
        if self.flush(FLUSH_SECONDS):
            # each of them is reported: as never sent, or as sent without an answer
            self._producer.purge()
            self._producer.flush(_FULL_QUEUE_WAIT_SECONDS)
        self._tell_metrics()
        self._producer = None
        HEALTH.close()
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

    def _produce(
        self, topic: str, value: bytes, key: str, report: Callable[..., None], headers: Headers, stop: Stop | None
    ) -> bool:
        producer = self._client()
        waiting_since = 0.0
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=report, headers=headers)
                break
            except BufferError:
                if stop is not None and stop.requested:
                    return False
                self.poll(_FULL_QUEUE_WAIT_SECONDS)
                waiting_since = self._complain(waiting_since)
            except KafkaException as problem:
                error = problem.args[0]
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise _TooLargeError(f"its {len(value)} bytes are more than a message may have") from problem
                raise DeliveryError(f"Kafka refused to take messages: {error.str()}") from problem
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self.poll(0)
        return True

    def _complain(self, since: float) -> float:
        """Say now and then that the queue is full and nothing moves; returns since when that is counted."""
        now = time.monotonic()
        if not since or self._reports != self._reports_seen:
            self._reports_seen = self._reports
            return now
        if now - since < _COMPLAIN_EVERY_SECONDS:
            return since
        log.warning("the queue is full and Kafka has taken nothing for %.0f s: waiting for it", now - since)
        return now

    def _send_dead_letter(self, event: Event, field_name: str, reason: str, counted: str, stop: Stop | None) -> bool:
        """Queue an event's letter; ``counted`` is the reason that the metrics know it by."""
        value, headers = dead_letter(event, field_name, reason)
        topic = event.topic.dead_letter_topic
        report = partial(self._on_letter_delivery, topic, event.event_id)
        if not self._produce(topic, value, event.event_id, report, headers + self._headers, stop):
            return False
        said = f"{field_name} {reason}".strip()
        self._ledger.give_up(event.topic.name, event.key, event.event_id, Outcome.DEAD_LETTER, said)
        self.deliveries.dead_letters[event.topic.name] += 1
        self._metrics[event.topic.name].dead_letters.inc()
        DEAD_LETTERS.labels(event.topic.name, counted).inc()
        log.warning("%s goes to %s: %s", event.event_id, topic, said)
        return True

    def _on_letter_delivery(self, topic: str, event_id: str, error: KafkaError | None, message: Message) -> None:
        self._reports += 1
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            self._ledger.acknowledge(topic, partition, offset, event_id)
            return
        reason = "" if error is None else error.str()
        self._ledger.give_up(topic, event_id, event_id, Outcome.FAILED, reason)
        self.deliveries.failed[topic] += 1
        self.deliveries.first_failure = self.deliveries.first_failure or f"{event_id}: {reason}"
        log.error("the dead letter of %s was not delivered to %s: %s", event_id, topic, reason)

    def _on_delivery(
        self, topic: Topic, event_id: str, event_us: int, error: KafkaError | None, message: Message
    ) -> None:
        self._reports += 1
        if error is None:
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None:
                raise DeliveryError(f"the broker acknowledged {event_id} without saying where")
            self._ledger.acknowledge(topic.name, partition, offset, event_id)
            self.deliveries.note(topic, event_us)
            self._newest_us[topic.name] = event_us
            return
        key = message.key() or b""
        outcome = Outcome.FAILED if error.code() in _CERTAIN else Outcome.UNKNOWN
        self._ledger.give_up(
            topic.name, key.decode() if isinstance(key, bytes) else key, event_id, outcome, error.str()
        )
        self.deliveries.first_failure = self.deliveries.first_failure or f"{event_id}: {error.str()}"
        if outcome is Outcome.FAILED:
            self.deliveries.failed[topic.name] += 1
            self._metrics[topic.name].failed.inc()
        else:
            self.deliveries.unknown += 1
            self._metrics[topic.name].unknown.inc()
        if self._given_up < _FAILURES_SHOWN:
            log.error("%s was not acknowledged by %s: %s", event_id, topic.name, error.str())
        self._given_up += 1

    def _note_queue(self) -> None:
        self._tell_metrics()
        waiting = len(self._client())
        QUEUED.set(waiting)
        HEALTH.queue(waiting, has_moved=self._reports != self._reports_polled)
        self._reports_polled = self._reports

    def _tell_metrics(self) -> None:
        """Acknowledgements since the last time: Prometheus is told of many at once."""
        for name, event_us in self._newest_us.items():
            acknowledged = self.deliveries.acknowledged[name]
            self._metrics[name].acknowledged.inc(acknowledged - self._told[name])
            self._metrics[name].newest.set(event_us / 1e6)
            self._told[name] = acknowledged
        self._newest_us.clear()

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        log.warning("Kafka: %s", error.str())


class _TooLargeError(Exception):
    """The client refuses a message for its size."""


def _note_brokers(statistics: str) -> None:
    brokers = json.loads(statistics).get("brokers", {})
    HEALTH.brokers(any_up=any(broker.get("state") == "UP" for broker in brokers.values()))
