"""Ways of clearing the same backlog into a Delta table with one Spark session: ours, and those it is compared with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from delta.tables import DeltaTable
from prometheus_client import CollectorRegistry
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.streaming.readwriter import DataStreamWriter
from pyspark.sql.types import StructType

from fraud_benchmarks.bronze.place import RunLayout
from fraud_contracts import TRANSACTIONS, schema_text
from fraud_stream.batches import IS_GOOD, BatchWriter
from fraud_stream.broker import Broker
from fraud_stream.bronze_writer import read_topic
from fraud_stream.checkpoint_identity import read_checkpoint, verify_quarantine, verify_table
from fraud_stream.decode import HEADER_BYTES, landed_fields, with_reasons, with_record
from fraud_stream.lease import Lease
from fraud_stream.object_store import connect, holds_any
from fraud_stream.progress import BrokerWatch, ProgressListener, StreamMetrics
from fraud_stream.quality_checks import checks_of
from fraud_stream.quarantine import key_frame
from fraud_stream.registry import SchemaCatalogue
from fraud_stream.session import jvm_pid
from fraud_stream.settings import WriterSettings
from fraud_stream.tables import (
    BRONZE_PARTITION,
    BRONZE_STATISTICS,
    PROPERTIES,
    STATISTICS,
    create_tables,
    written_transactions,
)

# statistics of a table without ledger columns
PLAIN_STATISTICS: Final = "event_time"
# more than any run has batches: its progress is read when it has ended
PROGRESS_UPDATES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Drained:
    """How long a drain took: from the start of its first micro-batch to the end of its last."""

    seconds: float
    batches: int


@dataclass(frozen=True, slots=True)
class Drains:
    """The ways, with what they share; each writes to the tables of a layout that no run has used before."""

    spark: SparkSession
    settings: WriterSettings
    catalogue: SchemaCatalogue

    def with_all_safety(self, layout: RunLayout) -> Drained:
        """The Bronze writer's own path: its batches, lease, verification, metrics and broker watch."""
        stream = layout.stream
        s3 = connect(self.settings)
        metrics = StreamMetrics(CollectorRegistry())
        metrics.begin([stream.topic])
        create_tables(self.spark, layout, partial(holds_any, s3, layout.bucket))
        with self._lease(s3, layout) as lease, self._watched(layout, metrics):
            self._verify(s3, layout)
            write = BatchWriter(
                stream=stream,
                layout=layout,
                catalogue=self.catalogue,
                metrics=metrics,
                key=key_frame(self.spark, self.settings.quarantine_key_bytes),
                bootstrap_servers=self.settings.kafka_bootstrap_servers,
                checkpoint_id=cache(lambda: str(read_checkpoint(s3, layout.bucket, stream.checkpoint_key).id)),
                may_write=lease.check,
            )
            return self._run(self._messages(layout).writeStream.foreachBatch(write.__call__), layout)

    def with_checks_only(self, layout: RunLayout) -> Drained:
        """The same path with everything off but the checks: judged once, bad rows dropped."""
        stream = layout.stream
        judged = self._judged_rows(self._messages(layout), layout)
        self._create(layout, _plain(judged, layout).schema, PLAIN_STATISTICS)

        def write(frame: DataFrame, _batch_id: int) -> None:
            # observed as ours is: a filter that Spark may move to the front decodes once for each check
            rows = self._judged_rows(frame, layout).observe(Observation(), F.count("*"))
            good = _plain(rows.where(IS_GOOD), layout)
            good.coalesce(self._files).write.format("delta").mode("append").save(stream.table_path)

        return self._run(self._messages(layout).writeStream.foreachBatch(write), layout)

    def without_safety(self, layout: RunLayout) -> Drained:
        """The same path with everything off: decoded rows are appended as they are."""
        stream = layout.stream
        self._create(layout, self._decoded_rows(self._messages(layout), layout).schema, PLAIN_STATISTICS)

        def write(frame: DataFrame, _batch_id: int) -> None:
            rows = self._decoded_rows(frame, layout)
            rows.coalesce(self._files).write.format("delta").mode("append").save(stream.table_path)

        return self._run(self._messages(layout).writeStream.foreachBatch(write), layout)

    def bare(self, layout: RunLayout) -> Drained:
        """What one would write first: Delta's streaming sink behind ``from_avro``, in as few files as ours."""
        rows = _bare_rows(self._messages(layout))
        self._create(layout, rows.schema, BRONZE_STATISTICS)
        writer = rows.coalesce(self._files).writeStream.format("delta").option("path", layout.stream.table_path)
        return self._run(writer.partitionBy(BRONZE_PARTITION), layout)

    @property
    def _files(self) -> int:
        """Of a batch: as many as ours writes."""
        return self.spark.sparkContext.defaultParallelism

    def _messages(self, layout: RunLayout) -> DataFrame:
        return read_topic(self.spark, layout.stream, self.settings)

    def _judged_rows(self, frame: DataFrame, layout: RunLayout) -> DataFrame:
        contract = layout.stream.contract
        return with_reasons(with_record(frame, contract, self.catalogue.schemas), checks_of(contract))

    def _decoded_rows(self, frame: DataFrame, layout: RunLayout) -> DataFrame:
        decoded = with_record(frame, layout.stream.contract, self.catalogue.schemas)
        return _plain(decoded.select("record.*"), layout)

    def _create(self, layout: RunLayout, columns: StructType, statistics: str) -> None:
        """An empty table with the properties of ours: creating it is not part of anybody's drain."""
        builder = DeltaTable.create(self.spark).location(layout.stream.table_path).addColumns(columns)
        for name, value in {**PROPERTIES, STATISTICS: statistics}.items():
            builder = builder.property(name, value)
        builder.partitionedBy(BRONZE_PARTITION).execute()

    def _verify(self, s3: Any, layout: RunLayout) -> None:
        stream = layout.stream
        state = read_checkpoint(s3, layout.bucket, stream.checkpoint_key)
        verify_table(stream.table, state, written_transactions(self.spark, stream.table_path))
        quarantined = written_transactions(self.spark, layout.quarantine_path)
        verify_quarantine(layout.quarantine_table, [state], quarantined)

    @contextmanager
    def _lease(self, s3: Any, layout: RunLayout) -> Iterator[Lease]:
        lease = Lease(s3, layout.bucket, layout.lease_key)
        lease.acquire()
        lease.keep(_give_up)
        lease.add_process(jvm_pid(self.spark))
        try:
            yield lease
        finally:
            lease.release()

    @contextmanager
    def _watched(self, layout: RunLayout, metrics: StreamMetrics) -> Iterator[None]:
        listener = ProgressListener(layout.streams, metrics)
        watch = BrokerWatch(Broker(self.settings.kafka_bootstrap_servers), layout.streams, metrics)
        self.spark.streams.addListener(listener)
        watch.start()
        try:
            yield
        finally:
            watch.stop()
            self.spark.streams.removeListener(listener)

    def _run(self, writer: DataStreamWriter, layout: RunLayout) -> Drained:
        # what the run before left is not this one's to clear away
        self.spark._jvm.System.gc()  # type: ignore[union-attr]
        self.spark.conf.set("spark.sql.streaming.numRecentProgressUpdates", str(PROGRESS_UPDATES))
        query = (
            writer.queryName(layout.stream.table)
            .option("checkpointLocation", layout.stream.checkpoint_path)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        return span(query.recentProgress)


def _bare_rows(messages: DataFrame) -> DataFrame:
    """What the documentation of ``from_avro`` leads to; the header of five bytes is cut off, not looked at."""
    body = F.expr(f"substring(value, {HEADER_BYTES + 1})")
    decoded = messages.select(
        from_avro(body, schema_text(TRANSACTIONS)).alias("record"), "_partition", "_offset", "_kafka_timestamp"
    )
    return decoded.select(
        "record.*", "_partition", "_offset", "_kafka_timestamp", F.to_date("record.event_time").alias(BRONZE_PARTITION)
    )


def _plain(rows: DataFrame, layout: RunLayout) -> DataFrame:
    fields = landed_fields(rows, layout.stream.contract)
    return rows.select(*fields, F.to_date("event_time").alias(BRONZE_PARTITION))


def span(progress: Sequence[Mapping[str, Any]]) -> Drained:
    """From the start of the first micro-batch that had rows to the end of the last, by a query's progress reports."""
    batches = [report for report in progress if report["numInputRows"]]
    first, last = (datetime.fromisoformat(batches[index]["timestamp"]) for index in (0, -1))
    return Drained((last - first).total_seconds() + batches[-1]["batchDuration"] / 1000, len(batches))


def _give_up(reason: str) -> None:
    raise RuntimeError(reason)
