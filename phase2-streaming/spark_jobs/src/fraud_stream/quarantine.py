"""Rows that do not belong in Bronze: encrypted into the quarantine table, and a courtesy copy on the dead letter topic.

The Delta table is the record; the Kafka copy is at-least-once and may be missing.
"""

import logging
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BinaryType, StructField, StructType

from fraud_stream.streams import Stream

log = logging.getLogger(__name__)

KEY_COLUMN: Final = "quarantine_key"
# The coordinates are authenticated with the payload: a ciphertext moved to another row does not decrypt.
COORDINATES: Final = "concat_ws('-', _topic, _partition, _offset)"
PRODUCER_OPTIONS: Final = {
    "kafka.acks": "all",
    "kafka.max.block.ms": "15000",
    "kafka.delivery.timeout.ms": "30000",
    "kafka.request.timeout.ms": "10000",
    # what a raw topic was told to take must still fit with its headers; the dead letter topic has a limit of its own
    "kafka.max.request.size": str(16 * 1024 * 1024),
}


def key_frame(spark: SparkSession, key: bytes) -> DataFrame:
    """The encryption key as a frame of one row.

    As a literal it would be part of every plan, and so of the user interface and the logs; as a row of data it is not.
    """
    schema = StructType([StructField(KEY_COLUMN, BinaryType(), nullable=False)])
    return spark.createDataFrame([(bytearray(key),)], schema)


def quarantine_rows(rejected: DataFrame, key: DataFrame) -> DataFrame:
    """The quarantine table's rows; ``rejected`` has the ledger columns, ``key``, ``value`` and ``reasons``.

    ``payload`` is ``IV (12 bytes) || ciphertext || tag (16 bytes)`` of AES-GCM, null for a message without value.
    """
    payload = F.expr(f"aes_encrypt(value, {KEY_COLUMN}, 'GCM', 'DEFAULT', '', {COORDINATES})")
    return rejected.crossJoin(F.broadcast(key)).select(
        "_topic",
        "_partition",
        "_offset",
        "_kafka_timestamp",
        "_schema_id",
        "_ingested_at",
        "_batch_id",
        "key",
        payload.alias("payload"),
        "reasons",
        F.to_date("_ingested_at").alias("ingest_date"),
    )


def send_dead_letters(rejected: DataFrame, stream: Stream, bootstrap_servers: str) -> bool:
    """Copy the raw bytes to the stream's dead letter topic, keyed by coordinates; False when Kafka refused them."""
    letters = rejected.select(
        F.expr(COORDINATES).cast("binary").alias("key"),
        "value",
        # The topic travels inside the message as well: see KAFKA-19012, a producer bug that could misroute a record.
        F.array(
            F.struct(F.lit("topic").alias("key"), F.col("_topic").cast("binary").alias("value")),
            F.struct(F.lit("reasons").alias("key"), F.array_join("reasons", ",").cast("binary").alias("value")),
        ).alias("headers"),
    )
    writer = letters.write.format("kafka").option("topic", stream.dead_letter_topic).option("includeHeaders", "true")
    try:
        writer.options(**{"kafka.bootstrap.servers": bootstrap_servers}, **PRODUCER_OPTIONS).save()
    except Exception as error:
        log.warning("no copy on %s: %s", stream.dead_letter_topic, str(error).splitlines()[0])
        return False
    return True
