"""What the Bronze writer tells Prometheus, and how it learns it.

Spark commits no group offsets, so its lag is its own end offsets against the broker's. The broker is asked by a thread
of its own: a stream that is stopped or stuck must show its growing lag, not its last good figure.
"""

import json
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from fraud_stream.broker import Broker
from fraud_stream.errors import BrokerError
from fraud_stream.streams import Stream

log = logging.getLogger(__name__)

BATCH_BUCKETS = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 21, 34, 55)


class StreamMetrics:
    """The metrics of the Bronze writer; those of maintenance carry the label ``table``, all others ``topic``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.bronze_rows = Counter("fraud_stream_bronze_rows", "Rows written to Bronze", ["topic"], registry=registry)
        self.quarantine_rows = Counter(
            "fraud_stream_quarantine_rows", "Rows written to quarantine", ["topic"], registry=registry
        )
        self.quarantine_reasons = Counter(
            "fraud_stream_quarantine_reasons",
            "Reasons given to quarantined rows; a row may have several",
            ["topic", "reason"],
            registry=registry,
        )
        self.check_warnings = Counter(
            "fraud_stream_check_warnings",
            "Rows in Bronze that fail a check of severity warn",
            ["topic", "check"],
            registry=registry,
        )
        self.dead_letter_reasons = Counter(
            "fraud_stream_dead_letter_reasons",
            "Reasons given to rows of batches whose dead letters were all sent; a row may have several",
            ["topic", "reason"],
            registry=registry,
        )
        self.dead_letter_failures = Counter(
            "fraud_stream_dead_letter_failures",
            "Batches whose courtesy copy on the dead letter topic failed",
            ["topic"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "fraud_stream_batch_seconds",
            "Seconds from the start of a micro-batch to its commit",
            ["topic"],
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.batch_id = Gauge("fraud_stream_batch_id", "Newest finished micro-batch", ["topic"], registry=registry)
        self.end_offset = Gauge(
            "fraud_stream_end_offset",
            "Next offset that the stream will read",
            ["topic", "partition"],
            registry=registry,
        )
        self.broker_end_offset = Gauge(
            "fraud_stream_broker_end_offset",
            "Offset that the broker will give to its next message",
            ["topic", "partition"],
            registry=registry,
        )
        self.lag = Gauge(
            "fraud_stream_lag_messages",
            "Messages on the broker that the stream has not finished",
            ["topic", "partition"],
            registry=registry,
        )
        self.query_active = Gauge(
            "fraud_stream_query_active", "1 while the streaming query runs", ["topic"], registry=registry
        )
        self.last_maintenance = Gauge(
            "fraud_stream_maintenance_last_success_timestamp_seconds",
            "When this driver last maintained a table; absent until it has",
            ["table"],
            registry=registry,
        )
        self.last_failed_maintenance = Gauge(
            "fraud_stream_maintenance_last_failure_timestamp_seconds",
            "When this driver last failed to maintain a table; absent while it never has",
            ["table"],
            registry=registry,
        )
        self._lock = threading.Lock()
        self._ends: dict[tuple[str, int], int] = {}
        self._broker_ends: dict[tuple[str, int], int] = {}

    def begin(self, topics: Iterable[str]) -> None:
        """Show the counters of these topics at 0, so that the first event already is an increase."""
        for topic in topics:
            for counter in (self.bronze_rows, self.quarantine_rows, self.dead_letter_failures):
                counter.labels(topic)

    def note_maintenance(self, table: str, *, succeeded: bool) -> None:
        """A table was maintained just now, or could not be."""
        gauge = self.last_maintenance if succeeded else self.last_failed_maintenance
        gauge.labels(table).set_to_current_time()

    def set_end_offsets(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Next offset to read by partition; lag follows."""
        with self._lock:
            for partition, offset in offsets.items():
                self._ends[topic, partition] = offset
                self.end_offset.labels(topic, partition).set(offset)
                self._set_lag(topic, partition)

    def set_broker_end_offsets(self, topic: str, offsets: Mapping[int, int]) -> None:
        """The broker's end offset by partition; lag follows."""
        with self._lock:
            for partition, offset in offsets.items():
                self._broker_ends[topic, partition] = offset
                self.broker_end_offset.labels(topic, partition).set(offset)
                self._set_lag(topic, partition)

    def _set_lag(self, topic: str, partition: int) -> None:
        end = self._broker_ends.get((topic, partition))
        if end is not None:
            # a partition that the stream has not touched yet lags by all that it holds
            self.lag.labels(topic, partition).set(max(0, end - self._ends.get((topic, partition), 0)))


def add_reasons(counter: Counter, topic: str, by_reason: Mapping[str, int]) -> None:
    """Add the rows of each reason to a counter with the labels ``topic`` and ``reason``."""
    for reason, rows in by_reason.items():
        counter.labels(topic, reason).inc(rows)


class ProgressListener(StreamingQueryListener):
    """Turns Spark's progress events into metrics; queries are named after their table."""

    def __init__(self, streams: Sequence[Stream], metrics: StreamMetrics) -> None:
        self._topics = {stream.table: stream.topic for stream in streams}
        self._metrics = metrics
        self._names: dict[str, str] = {}

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 - Spark's name
        if event.name in self._topics:
            self._names[str(event.runId)] = event.name
            self._metrics.query_active.labels(self._topics[event.name]).set(1)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        progress = event.progress
        topic = self._topics.get(progress.name or "")
        if topic is None or not progress.sources:
            return
        ends = json.loads(progress.sources[0].endOffset)
        for partitions in ends.values():
            self._metrics.set_end_offsets(topic, {int(partition): offset for partition, offset in partitions.items()})
        if progress.numInputRows:
            self._metrics.batch_id.labels(topic).set(progress.batchId)
            self._metrics.batch_seconds.labels(topic).observe(progress.batchDuration / 1000)

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """An idle stream has nothing new to tell; its lag is kept by the broker's side."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        name = self._names.pop(str(event.runId), None)
        if name is not None:
            self._metrics.query_active.labels(self._topics[name]).set(0)


class BrokerWatch:
    """Asks the broker for its end offsets every few seconds."""

    def __init__(self, broker: Broker, streams: Sequence[Stream], metrics: StreamMetrics, seconds: float = 5.0) -> None:
        self._broker = broker
        self._streams = streams
        self._metrics = metrics
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="broker-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        # one question about all topics: with one for each, a broker that is away would hold a stop up by their number
        topics = [stream.topic for stream in self._streams]
        while True:
            try:
                for topic, spans in self._broker.existing_offsets(topics).items():
                    ends = {partition: end for partition, (_, end) in spans.items()}
                    self._metrics.set_broker_end_offsets(topic, ends)
            except BrokerError as error:
                log.warning("%s", error)
            if self._stop.wait(self._seconds):
                return
