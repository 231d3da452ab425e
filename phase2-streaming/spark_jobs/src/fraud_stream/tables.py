"""The Delta tables of Bronze: their columns, their properties, and the one way of appending to them."""

from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from fraud_contracts import LEDGER_COLUMNS
from fraud_stream.decode import landed_fields, with_record
from fraud_stream.streams import Layout, Stream

BRONZE_PARTITION: Final = "event_date"
QUARANTINE_PARTITION: Final = "ingest_date"
# The shape of what Kafka hands over, after the writer named it.
RAW_DDL: Final = (
    "key binary, value binary, _topic string, _partition int, _offset bigint, _kafka_timestamp timestamp, "
    "_ingested_at timestamp, _batch_id bigint"
)
QUARANTINE_DDL: Final = (
    "_topic string, _partition int, _offset bigint, _kafka_timestamp timestamp, _schema_id int, "
    "_ingested_at timestamp, _batch_id bigint, key binary, payload binary, reasons array<string>, ingest_date date"
)
PROPERTIES: Final = {
    # history is never rewritten; Trino has had too many bugs with deletion vectors to let them in
    "delta.appendOnly": "true",
    "delta.enableDeletionVectors": "false",
    "delta.autoOptimize.autoCompact": "true",
    "delta.checkpointInterval": "20",
}


def bronze_rows(good: DataFrame, stream: Stream) -> DataFrame:
    """The Bronze table's rows: the record's fields, the ledger columns, and the day of the event."""
    return good.select(
        *landed_fields(stream.contract),
        *LEDGER_COLUMNS,
        F.to_date("event_time").alias(BRONZE_PARTITION),
    )


def bronze_schema(spark: SparkSession, stream: Stream) -> StructType:
    """Columns of a Bronze table, derived from the same code that fills it."""
    nothing = spark.createDataFrame([], RAW_DDL)
    decoded = with_record(nothing, stream.contract, {})
    return bronze_rows(decoded.select("*", "record.*"), stream).schema


def create_tables(spark: SparkSession, layout: Layout) -> None:
    """Create whatever table is missing, empty, so that Trino can register it before the first row."""
    for stream in layout.streams:
        _create(spark, stream.table_path, bronze_schema(spark, stream), BRONZE_PARTITION)
    quarantine = spark.createDataFrame([], QUARANTINE_DDL).schema
    _create(spark, layout.quarantine_path, quarantine, QUARANTINE_PARTITION)


def append(rows: DataFrame, path: str, app_id: str, batch_id: int) -> None:
    """Append ``rows`` as one Delta commit; a batch that this application has written before is a no-op."""
    writer = rows.write.format("delta").mode("append").option("mergeSchema", "true")
    writer.option("txnAppId", app_id).option("txnVersion", str(batch_id)).save(path)


def written_transactions(spark: SparkSession, path: str) -> dict[str, int]:
    """Newest ``txnVersion`` by ``txnAppId`` in a Delta table's log."""
    jvm: Any = spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    transactions = log.update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty()).transactions()
    found: dict[str, int] = {}
    pairs = transactions.iterator()
    while pairs.hasNext():
        pair = pairs.next()
        found[str(pair._1())] = int(pair._2())
    return found


def _create(spark: SparkSession, path: str, columns: StructType, partition: str) -> None:
    if DeltaTable.isDeltaTable(spark, path):
        return
    builder = DeltaTable.createIfNotExists(spark).location(path).addColumns(columns).partitionedBy(partition)
    for name, value in PROPERTIES.items():
        builder = builder.property(name, value)
    builder.execute()
