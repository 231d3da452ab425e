"""The Bronze writer: one Spark driver, one streaming query per raw topic, until it is told to stop."""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from types import FrameType
from typing import Any

from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry, start_http_server
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.query import StreamingQuery

from fraud_stream import failpoints, object_store
from fraud_stream.batches import BatchWriter, batches_between_compactions
from fraud_stream.broker import Broker
from fraud_stream.checkpoint_identity import (
    CheckpointState,
    app_id,
    read_checkpoint,
    verify_quarantine,
    verify_table,
)
from fraud_stream.checkpoint_log import require_whole
from fraud_stream.errors import CheckpointError, QueryError
from fraud_stream.failpoints import Failpoint
from fraud_stream.lease import Lease
from fraud_stream.lost_messages import lost_messages, require_nothing_lost
from fraud_stream.maintenance import Caretaker, MaintainedTable, Maintenance
from fraud_stream.model_pins import read_pins
from fraud_stream.progress import BrokerWatch, ProgressListener, StreamMetrics
from fraud_stream.quarantine import key_frame
from fraud_stream.registry import SchemaCatalogue
from fraud_stream.session import end_session, jvm_pid, start_session
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream
from fraud_stream.tables import create_tables, written_transactions

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# How long a micro-batch may take to finish after a stop was asked for; what is cut off is done again at the next start.
DRAIN_SECONDS = 20.0
EXIT_LEASE_LOST = 75
# A task reads several partitions, one after the other. At the end of each the client has asked the broker for more
# already, and until that is answered, by default after half a second, nothing else is: live, each batch would wait.
FETCH_WAIT_MS = 20


def run(settings: WriterSettings) -> None:
    """Write Bronze until SIGTERM or SIGINT.

    Raises:
        StreamError: something that must be right before or while writing is not; the message says what and what to do.
    """
    failpoints.arm(settings.failpoint)
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    layout = Layout(settings.s3_bucket, settings.namespace)
    broker = Broker(settings.kafka_bootstrap_servers)
    catalogues = {}
    for stream in layout.streams:
        broker.partitions(stream.topic)
        catalogues[stream.topic] = SchemaCatalogue(settings.schema_registry_url, stream.subject)
        catalogues[stream.topic].require()
    s3 = object_store.connect(settings)
    lease = Lease(s3, settings.s3_bucket, layout.lease_key)
    lease.acquire()
    failpoints.reach(Failpoint.LEASE_TAKEN)
    log.info("lease taken, starting Spark")
    try:
        for stream in layout.streams:
            require_whole(s3, settings.s3_bucket, stream.checkpoint_key)
        spark = start_session(settings)
    except BaseException:
        lease.release()
        raise
    failpoints.reach(Failpoint.SPARK_STARTED)
    log.info("Spark is up, verifying tables and checkpoints")
    lease.keep(partial(_die, jvm_pid(spark)))
    lease.add_process(jvm_pid(spark))
    try:
        writer = Writer(settings, layout, spark, s3, lease, catalogues)
        writer.run(broker, stop)
    finally:
        end_session(spark)
        failpoints.reach(Failpoint.SESSION_ENDED)
        lease.release()


@dataclass(frozen=True, slots=True)
class Writer:
    """The running part: tables, verification, queries and their supervision."""

    settings: WriterSettings
    layout: Layout
    spark: SparkSession
    s3: Any
    lease: Lease
    catalogues: dict[str, SchemaCatalogue]

    def run(self, broker: Broker, stop: threading.Event) -> None:
        """Start everything, then watch the queries until ``stop`` is set.

        Raises:
            CheckpointError: a table and its checkpoint do not belong together, or messages left their topic unread.
            QueryError: a query failed; the message begins with its name.
        """
        maintenance = Maintenance(self.spark, timedelta(days=self.settings.vacuum_retention_days))
        exists = partial(object_store.holds_any, self.s3, self.settings.s3_bucket)
        create_tables(self.spark, self.layout, exists, maintenance.properties)
        checkpoints, landed = self._verify(broker)
        metrics = StreamMetrics(CollectorRegistry())
        metrics.registry.register(PROCESS_COLLECTOR)
        metrics.begin(stream.topic for stream in self.layout.streams)
        for stream in self.layout.streams:
            metrics.set_end_offsets(stream.topic, checkpoints[stream.topic].offsets or {})
        self.spark.streams.addListener(ProgressListener(self.layout.streams, metrics))
        caretaker = self._caretaker(maintenance, metrics)
        caretaker.prepare()
        key = key_frame(self.spark, self.settings.quarantine_key_bytes)
        queries = [self._start(stream, metrics, key, landed[stream.topic]) for stream in self.layout.streams]
        watch = BrokerWatch(broker, self.layout.streams, metrics)
        watch.start()
        caretaker.start()
        server, _ = start_http_server(self.settings.metrics_port, self.settings.bind_host, metrics.registry)
        log.info("Bronze writer is ready: %s", ", ".join(query.name or "" for query in queries))
        try:
            while not stop.wait(POLL_SECONDS):
                _raise_if_ended(queries)
            _drain(queries)
            failpoints.reach(Failpoint.QUERIES_STOPPED)
        finally:
            caretaker.stop()
            server.shutdown()
            watch.stop()

    def _verify(self, broker: Broker) -> tuple[dict[str, CheckpointState], dict[str, int]]:
        """Every stream's checkpoint, and its newest batch in Bronze, by topic."""
        states = {
            stream.topic: read_checkpoint(self.s3, self.settings.s3_bucket, stream.checkpoint_key)
            for stream in self.layout.streams
        }
        lost = [
            one
            for stream in self.layout.streams
            for one in lost_messages(self.s3, stream, states[stream.topic], broker.offsets(stream.topic))
        ]
        require_nothing_lost(lost)
        landed = {}
        for stream in self.layout.streams:
            written = written_transactions(self.spark, stream.table_path)
            verify_table(stream.table, states[stream.topic], written)
            landed[stream.topic] = written.get(app_id(stream.table, str(states[stream.topic].id)), -1)
        quarantined = written_transactions(self.spark, self.layout.quarantine_path)
        verify_quarantine(self.layout.quarantine_table, states.values(), quarantined)
        return states, landed

    def _start(self, stream: Stream, metrics: StreamMetrics, key: DataFrame, landed_before: int) -> StreamingQuery:
        write = BatchWriter(
            stream=stream,
            layout=self.layout,
            catalogue=self.catalogues[stream.topic],
            metrics=metrics,
            key=key,
            bootstrap_servers=self.settings.kafka_bootstrap_servers,
            # the id never changes while a query runs: the first batch looks, the others remember
            checkpoint_id=cache(partial(self._checkpoint_id, stream)),
            may_write=self.lease.check,
            landed_before=landed_before,
            compact_every=batches_between_compactions(self.settings.trigger_seconds),
        )
        query = (
            read_topic(self.spark, stream, self.settings)
            .writeStream.queryName(stream.table)
            .option("checkpointLocation", stream.checkpoint_path)
            .trigger(processingTime=f"{round(self.settings.trigger_seconds * 1000)} milliseconds")
            .foreachBatch(write.__call__)
            .start()
        )
        failpoints.reach(Failpoint.QUERY_STARTED)
        return query

    def _caretaker(self, maintenance: Maintenance, metrics: StreamMetrics) -> Caretaker:
        quarantine = MaintainedTable(self.layout.quarantine_table, self.layout.quarantine_path, compacts=True)
        return Caretaker(
            maintenance,
            [*(MaintainedTable(stream.table, stream.table_path) for stream in self.layout.streams), quarantine],
            pins=partial(read_pins, self.settings.mlflow_tracking_uri),
            may_write=self.lease.check,
            interval_seconds=self.settings.maintenance_hours * 3600,
            metrics=metrics,
        )

    def _checkpoint_id(self, stream: Stream) -> str:
        checkpoint_id = read_checkpoint(self.s3, self.settings.s3_bucket, stream.checkpoint_key).id
        if checkpoint_id is None:
            raise CheckpointError(
                f"checkpoint {stream.checkpoint_path} was deleted while the Bronze writer was running"
            )
        return checkpoint_id


def read_topic(spark: SparkSession, stream: Stream, settings: WriterSettings) -> DataFrame:
    """The stream's messages as Kafka holds them, with their coordinates under the names of the ledger columns."""
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
        .option("subscribe", stream.topic)
        .option("startingOffsets", "earliest")
        # a hole in the topic is an incident, never something to step over
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", str(settings.max_offsets_per_trigger))
        .option("kafka.fetch.max.wait.ms", str(FETCH_WAIT_MS))
        .load()
    )
    return messages.select(
        "key",
        "value",
        F.lit(stream.topic).alias("_topic"),
        F.col("partition").alias("_partition"),
        F.col("offset").alias("_offset"),
        F.col("timestamp").alias("_kafka_timestamp"),
    )


def _raise_if_ended(queries: Sequence[StreamingQuery]) -> None:
    for query in queries:
        try:
            if query.isActive:
                continue
            error = query.exception()
        except (Py4JNetworkError, ConnectionError) as gone:
            raise QueryError("the Spark JVM died; the log above says why") from gone
        raise QueryError(f"query {query.name} ended: {_first_lines(error) if error else 'without an error'}")


def _first_lines(error: StreamingQueryException) -> str:
    return " | ".join(line.strip() for line in str(error).splitlines()[:4] if line.strip())


def _drain(queries: Sequence[StreamingQuery]) -> None:
    """Let running batches finish, then stop the queries."""
    deadline = time.monotonic() + DRAIN_SECONDS
    try:
        for query in queries:
            while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
                time.sleep(0.1)
            query.stop()
    except (Py4JError, ConnectionError) as gone:
        log.warning("the Spark JVM went first: %s", gone)


def _die(jvm: int, reason: str) -> None:
    """Stop writing this instant: a lease that is lost may already belong to another driver."""
    log.critical("%s; stopping at once", reason)
    try:
        os.kill(jvm, signal.SIGKILL)
    finally:
        os._exit(EXIT_LEASE_LOST)
