"""The Delta tables of Bronze: their columns, their properties, and the one way of appending to them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from fraud_contracts import LEDGER_COLUMNS
from fraud_stream.decode import landed_fields, with_reasons, with_record
from fraud_stream.failpoints import Failpoint, reach
from fraud_stream.streams import Layout, Stream

BRONZE_PARTITION: Final = "event_date"
QUARANTINE_PARTITION: Final = "ingest_date"
# The shape of what Kafka hands over, after the writer named it.
RAW_DDL: Final = "key binary, value binary, _topic string, _partition int, _offset bigint, _kafka_timestamp timestamp"
QUARANTINE_DDL: Final = (
    "_topic string, _partition int, _offset bigint, _kafka_timestamp timestamp, _schema_id int, "
    "_ingested_at timestamp, _batch_id bigint, encrypted_key binary, payload binary, reasons array<string>, "
    "ingest_date date"
)
PROPERTIES: Final = {
    # history is never rewritten; Trino has had too many bugs with deletion vectors to let them in
    "delta.appendOnly": "true",
    "delta.enableDeletionVectors": "false",
    "delta.checkpointInterval": "20",
}
# File statistics cost work per column and row, and pay only where somebody filters.
STATISTICS: Final = "delta.dataSkippingStatsColumns"
BRONZE_STATISTICS: Final = "event_time,_partition,_offset"
QUARANTINE_STATISTICS: Final = "_topic,_partition,_offset"
# by table: who folds it at the moment; only one driver writes these tables, so locks of its own are enough
_FOLDING: Final[dict[str, threading.Lock]] = {}


def with_stamp(rows: DataFrame, batch_id: int) -> DataFrame:
    """Add ``_ingested_at`` (now, information only) and ``_batch_id``.

    They are literals that change with every batch, and literals are part of the code that Spark generates: added any
    earlier, the large decode-and-judge stage would be compiled anew for each batch.
    """
    return rows.withColumns({"_ingested_at": F.lit(datetime.now(UTC)), "_batch_id": F.lit(batch_id).cast("bigint")})


def bronze_rows(good: DataFrame, stream: Stream) -> DataFrame:
    """The Bronze table's rows: the record's fields, the ledger columns, and the day of the event."""
    return good.select(
        *landed_fields(good, stream.contract),
        *LEDGER_COLUMNS,
        F.to_date("event_time").alias(BRONZE_PARTITION),
    )


def bronze_schema(spark: SparkSession, stream: Stream) -> StructType:
    """Columns of a Bronze table, derived from the same code that fills it."""
    nothing = spark.createDataFrame([], RAW_DDL)
    judged = with_reasons(with_record(nothing, stream.contract, {}), ())
    return bronze_rows(with_stamp(judged, 0), stream).schema


def create_tables(
    spark: SparkSession, layout: Layout, exists: Callable[[str], bool], properties: Mapping[str, str] | None = None
) -> None:
    """Create whatever table is missing, empty, so that Trino can register it before the first row.

    ``exists`` says whether the bucket holds an object under a prefix: Delta's own question walks up to the bucket's
    root, where this writer may not look. ``properties`` are given to new tables beside those that all have.
    """
    wanted = {**PROPERTIES, **(properties or {})}
    for stream in layout.streams:
        if not exists(f"{stream.table_key}/_delta_log/"):
            own = {**wanted, STATISTICS: BRONZE_STATISTICS}
            _create(spark, stream.table_path, bronze_schema(spark, stream), BRONZE_PARTITION, own)
    if not exists(f"{layout.quarantine_key}/_delta_log/"):
        own = {**wanted, STATISTICS: QUARANTINE_STATISTICS}
        columns = spark.createDataFrame([], QUARANTINE_DDL).schema
        _create(spark, layout.quarantine_path, columns, QUARANTINE_PARTITION, own)


def append(rows: DataFrame, path: str, app_id: str, batch_id: int) -> None:
    """Append ``rows`` as one Delta commit; a batch that this application has written before is a no-op.

    A column that the table does not have yet is added to it, with nulls in the rows that were there.
    """
    writer = rows.write.format("delta").mode("append").option("mergeSchema", "true")
    writer.option("txnAppId", app_id).option("txnVersion", str(batch_id)).save(path)


def written_transactions(spark: SparkSession, path: str) -> dict[str, int]:
    """Newest ``txnVersion`` by ``txnAppId`` in a Delta table's log."""
    snapshot = _snapshot(spark, path)
    # each commit leaves them in its checksum file; without one Spark puts the state together, in seconds per table
    checksum = snapshot.checksumOpt()
    known = checksum.get().setTransactions() if checksum.isDefined() else checksum
    if not known.isDefined():
        return {name: int(version) for name, version in _pairs(snapshot.transactions())}
    return {str(entry.appId()): int(entry.version()) for entry in _each(known.get())}


def table_properties(spark: SparkSession, path: str) -> dict[str, str]:
    """The properties of a Delta table, from its log: no job is run for it."""
    return {name: str(value) for name, value in _pairs(_snapshot(spark, path).metadata().configuration())}


def _snapshot(spark: SparkSession, path: str) -> Any:
    jvm: Any = spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    return log.update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty())


def _pairs(scala_map: Any) -> Iterator[tuple[str, Any]]:
    for pair in _each(scala_map):
        yield str(pair._1()), pair._2()


def _each(scala_collection: Any) -> Iterator[Any]:
    items = scala_collection.iterator()
    while items.hasNext():
        yield items.next()


def compact(spark: SparkSession, path: str) -> None:
    """Fold small files of each partition into one; a commit of its own that changes no row.

    Nothing is done while another thread folds the same table: of two that fold the same files Delta refuses the second.
    Appends go on meanwhile; they and a folding never stand in each other's way.
    """
    folding = _FOLDING.setdefault(path, threading.Lock())
    if not folding.acquire(blocking=False):
        return
    try:
        DeltaTable.forPath(spark, path).optimize().executeCompaction()
    finally:
        folding.release()


def _create(spark: SparkSession, path: str, columns: StructType, partition: str, properties: Mapping[str, str]) -> None:
    builder = DeltaTable.createIfNotExists(spark).location(path).addColumns(columns).partitionedBy(partition)
    for name, value in properties.items():
        builder = builder.property(name, value)
    builder.execute()
    reach(Failpoint.TABLE_CREATED)
