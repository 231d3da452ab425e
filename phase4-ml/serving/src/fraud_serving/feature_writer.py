"""Keeps the recent events in Redis complete: history, payments that the API did not see, and logins.

A consumer of ``transactions.raw`` and ``logins.raw`` that runs the API's own idempotent script. Offsets are committed
after Redis has the events, so whatever happens in between is read again and changes nothing.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import httpx
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from prometheus_client import Counter, Gauge, start_http_server
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from fraud_features import RECENT_SCRIPT, Login, ScriptCall, Transaction
from fraud_serving.recent_batches import login_calls, payment_calls
from fraud_serving.recent_script import SCRIPT_SHA, caught_up_key
from fraud_serving.records import SchemaRegistry, UnreadableRecordError, login_decoder, transaction_decoder
from fraud_serving.settings import Settings

# Large enough that most of a history is superseded within its own batch, small enough to hold in memory.
BATCH_MESSAGES: Final = 40_000
# How long a batch collects: the longest that a live payment waits before it is in Redis.
COLLECT_SECONDS: Final = 0.1
PIPELINE_CALLS: Final = 500
RETRY_SECONDS: Final = 1.0

EVENTS = Counter("fraud_feature_writer_events_total", "Payments and logins read")
UNREADABLE = Counter("fraud_feature_writer_unreadable_total", "Messages that Bronze quarantines and windows leave out")
WRITES = Counter("fraud_feature_writer_writes_total", "Calls of the recent-events script")
FAILURES = Counter("fraud_feature_writer_failures_total", "Attempts that failed and were repeated", ["dependency"])
REBUILDS = Counter("fraud_feature_writer_rebuilds_total", "Times that Redis had lost its memory and all was read again")
CAUGHT_UP = Gauge("fraud_feature_writer_caught_up", "1 once every event of the topics has been in Redis")
NEWEST_EVENT = Gauge(
    "fraud_feature_writer_newest_event_timestamp_seconds", "Event time of the payment written last, Unix seconds"
)

logger = logging.getLogger(__name__)

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read in one go, each kind in the order of its partitions."""

    payments: list[Transaction]
    logins: list[Login]

    def calls(self) -> Iterator[ScriptCall]:
        """Of the recent-events script; logins first, because payments read them."""
        return chain(login_calls(self.logins), payment_calls(self.payments))


class FeatureWriter:
    """One consumer; :meth:`run` works until :meth:`stop`."""

    def __init__(self, settings: Settings) -> None:
        settings.require("kafka_bootstrap_servers", "schema_registry_url", "redis_host", "redis_password")
        self._settings = settings
        self._stopping = threading.Event()
        self._at_end: set[Place] = set()
        self._assigned: set[Place] = set()
        self._rebuilding = True
        self._redis = redis_client(settings)
        self._payments_topic, self._logins_topic = settings.feature_writer_topic, settings.feature_writer_logins_topic
        self._caught_up_key = caught_up_key(settings)
        self._registries = [
            SchemaRegistry(settings.schema_registry_url, f"{topic}-value")
            for topic in (self._payments_topic, self._logins_topic)
        ]
        self._decode_payment = transaction_decoder(self._registries[0].schema).decode
        self._decode_login = login_decoder(self._registries[1].schema).decode
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "group.id": settings.feature_writer_group,
                "client.id": "fraud-feature-writer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # A Redis that is away for minutes is waited for; nobody else could do this work meanwhile.
                "max.poll.interval.ms": 3_600_000,
                # After kill -9 the partitions belong to the dead one for this long, and windows grow old meanwhile.
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 2_000,
                "queued.max.messages.kbytes": 65_536,
                "fetch.wait.max.ms": 50,
            }
        )

    def stop(self) -> None:
        """Ends :meth:`run` after the batch in hand."""
        self._stopping.set()

    def run(self, *, rebuild: bool = False) -> None:
        """Writes until stopped; ``rebuild`` reads everything again although Redis seems complete.

        Raises:
            KafkaException: the topic does not exist, or the consumer cannot go on.
        """
        try:
            lost = self._persistently("redis", self._history_is_lost)
            self._rebuilding = rebuild or bool(lost)
            if rebuild:
                self._persistently("redis", lambda: self._redis.delete(self._caught_up_key))
            CAUGHT_UP.set(0 if self._rebuilding else 1)
            topics = [self._payments_topic, self._logins_topic]
            self._consumer.subscribe(topics, on_assign=self._assign, on_revoke=self._revoke)
            while not self._stopping.is_set():
                self._step()
        finally:
            self._consumer.close()
            for registry in self._registries:
                registry.close()
            self._redis.close()

    def _step(self) -> None:
        messages = self._consumer.consume(BATCH_MESSAGES, timeout=COLLECT_SECONDS)
        values = [message for message in messages if self._is_value(message)]
        if values:
            batch = self._persistently("registry", lambda: self._decode(values))
            if batch is None:
                return  # stopped while waiting: nothing is committed, so the next start reads it again
            lost = self._persistently("redis", lambda: self._write(batch))
            if lost is None:
                return
            self._commit(values)
            if lost and not self._rebuilding:
                self._rewind()
                return
        elif not self._rebuilding and self._persistently("redis", self._history_is_lost):
            self._rewind()
            return
        if self._rebuilding and self._assigned and self._at_end >= self._assigned:
            self._persistently("redis", lambda: self._redis.set(self._caught_up_key, "1"))
            self._rebuilding = False
            CAUGHT_UP.set(1)
            logger.info("caught up with %s and %s", self._payments_topic, self._logins_topic)

    def _is_value(self, message: Message) -> bool:
        """Whether a message is a record; notes the ends of partitions.

        Raises:
            KafkaException: the consumer reports an error that it does not recover from.
        """
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            self._at_end.add(_place(message))
        elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise KafkaException(error)
        else:
            logger.warning("Kafka: %s", error)
        return False

    def _decode(self, messages: Sequence[Message]) -> Batch:
        batch = Batch([], [])
        for message in messages:
            try:
                if message.topic() == self._logins_topic:
                    batch.logins.append(self._decode_login(message.value()))
                else:
                    batch.payments.append(self._decode_payment(message.value()))
            except UnreadableRecordError as error:
                UNREADABLE.inc()
                where = message.topic(), message.partition(), message.offset()
                logger.warning("%s partition %s offset %s left out: %s", *where, error)
        EVENTS.inc(len(batch.payments) + len(batch.logins))
        return batch

    def _write(self, batch: Batch) -> bool:
        """Writes a batch; True when Redis turns out to have lost the history before it."""
        calls = batch.calls()
        lost = False
        while chunk := list(islice(calls, PIPELINE_CALLS)):
            lost = self._write_chunk(chunk) or lost
            WRITES.inc(len(chunk))
        if batch.payments:
            NEWEST_EVENT.set(max(transaction.event_us for transaction in batch.payments) / 1e6)
        return lost

    def _write_chunk(self, calls: Sequence[ScriptCall]) -> bool:
        pipeline = self._redis.pipeline(transaction=False)
        # First in every pipeline: a Redis that was restarted in between knows no script.
        pipeline.script_load(RECENT_SCRIPT)
        for call in calls:
            pipeline.evalsha(SCRIPT_SHA, len(call.keys), *call.keys, *call.args)
        pipeline.get(self._caught_up_key)
        return pipeline.execute()[-1] is None

    def _history_is_lost(self) -> bool:
        return self._redis.get(self._caught_up_key) is None

    def _commit(self, messages: Sequence[Message]) -> None:
        positions: dict[Place, int] = {}
        for message in messages:
            positions[_place(message)] = _number(message.offset()) + 1
        offsets = [TopicPartition(*place, offset) for place, offset in positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Written but not committed is only read again.
            FAILURES.labels("kafka").inc()
            logger.warning("offsets not committed: %s", error)

    def _rewind(self) -> None:
        """Redis has lost its memory: reads everything again, and says so by the committed offsets too."""
        logger.warning("Redis does not hold the history any more: reading everything from the beginning")
        REBUILDS.inc()
        CAUGHT_UP.set(0)
        self._rebuilding = True
        self._at_end.clear()
        first = []
        for place in sorted(self._assigned):
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=10)
            first.append(TopicPartition(*place, low))
            self._consumer.seek(TopicPartition(*place, low))
        self._consumer.commit(offsets=first, asynchronous=False)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assigned = {(partition.topic, partition.partition) for partition in partitions}
        self._at_end.clear()
        if self._rebuilding:
            for partition in partitions:
                partition.offset = OFFSET_BEGINNING
        consumer.assign(partitions)

    def _revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {(partition.topic, partition.partition) for partition in partitions}
        self._assigned -= gone
        self._at_end -= gone

    def _persistently(self, dependency: str, action: Any) -> Any:
        """The result of ``action``, repeated while Redis or the registry is away; ``None`` once stopping."""
        while True:
            try:
                return action()
            except (RedisError, OSError, httpx.HTTPError) as error:
                FAILURES.labels(dependency).inc()
                logger.warning("%s does not answer (%s), trying again", dependency, error)
                if self._stopping.wait(RETRY_SECONDS):
                    return None


def redis_client(settings: Settings, timeout_seconds: float = 10.0) -> Redis:
    """A blocking client for commands that work in bulk.

    Raises:
        SettingsError: the address or password is missing.
    """
    settings.require("redis_host", "redis_password")
    return Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        password=settings.redis_password.get_secret_value(),
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def _place(message: Message) -> Place:
    return str(message.topic()), _number(message.partition())


def _number(value: int | None) -> int:
    # The library's types allow None for messages that come from nowhere.
    return -1 if value is None else value


def run_feature_writer(settings: Settings, *, rebuild: bool = False) -> None:
    """Runs the writer with its metrics until SIGTERM or SIGINT."""
    writer = FeatureWriter(settings)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: writer.stop())
    start_http_server(settings.feature_writer_metrics_port, addr=settings.bind_host)
    began = time.monotonic()
    writer.run(rebuild=rebuild)
    logger.info("stopped after %.0f s", time.monotonic() - began)
