"""Rows that do not belong in Bronze: encrypted into the quarantine table, and a courtesy copy on the dead letter topic.

The Delta table is the record; the Kafka copy is at-least-once and may be missing. Neither holds the bytes in clear: one
expression encrypts them for both.
"""

import logging
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BinaryType, StructField, StructType

from fraud_stream.coordinates import OF_THE_KEY
from fraud_stream.jvm_errors import in_one_line
from fraud_stream.streams import LARGEST_MESSAGE_BYTES, Stream

log = logging.getLogger(__name__)

KEY_COLUMN: Final = "quarantine_key"
# Authenticated with what is encrypted: a ciphertext moved to another row or column does not decrypt.
COORDINATES: Final = "concat_ws('-', _topic, _partition, _offset)"
# IV (12 bytes) || ciphertext || tag (16 bytes); null for a message without value, or without key
PAYLOAD: Final = f"aes_encrypt(value, {KEY_COLUMN}, 'GCM', 'DEFAULT', '', {COORDINATES})"
# The key may be the very field that was judged: a sender that keys alerts by what they are about, a card.
MESSAGE_KEY: Final = f"aes_encrypt(key, {KEY_COLUMN}, 'GCM', 'DEFAULT', '', concat({COORDINATES}, '{OF_THE_KEY}'))"
# what a dead letter says about its value
ENCRYPTION: Final = "aes-gcm"
PRODUCER_OPTIONS: Final = {
    "kafka.acks": "all",
    "kafka.max.block.ms": "15000",
    "kafka.delivery.timeout.ms": "30000",
    "kafka.request.timeout.ms": "10000",
    "kafka.max.request.size": str(LARGEST_MESSAGE_BYTES),
}


def key_frame(spark: SparkSession, key: bytes) -> DataFrame:
    """The encryption key as a frame of one row.

    As a literal it would be part of every plan, and so of the user interface and the logs; as a row of data it is not.
    """
    schema = StructType([StructField(KEY_COLUMN, BinaryType(), nullable=False)])
    return spark.createDataFrame([(bytearray(key),)], schema)


def quarantine_rows(rejected: DataFrame, key: DataFrame) -> DataFrame:
    """The quarantine table's rows; ``rejected`` has the ledger columns, ``key``, ``value`` and ``reasons``.

    ``payload`` is :data:`PAYLOAD` and ``encrypted_key`` :data:`MESSAGE_KEY` under ``key``, a :func:`key_frame`.
    """
    return rejected.crossJoin(F.broadcast(key)).select(
        "_topic",
        "_partition",
        "_offset",
        "_kafka_timestamp",
        "_schema_id",
        "_ingested_at",
        "_batch_id",
        F.expr(MESSAGE_KEY).alias("encrypted_key"),
        F.expr(PAYLOAD).alias("payload"),
        "reasons",
        F.to_date("_ingested_at").alias("ingest_date"),
    )


def dead_letters(rejected: DataFrame, key: DataFrame) -> DataFrame:
    """The messages for the dead letter topic: ``key``, ``value`` and ``headers``; arguments as of quarantine_rows.

    The key is the coordinates, which are authenticated with the value: the letter and the secret key are all that
    :func:`fraud_stream.quarantine_reader.decrypt` needs.
    """
    headers = {
        # The topic travels inside the message as well: see KAFKA-19012, a producer bug that could misroute a record.
        "topic": F.col("_topic"),
        "reasons": F.array_join("reasons", ","),
        "encryption": F.lit(ENCRYPTION),
    }
    return rejected.crossJoin(F.broadcast(key)).select(
        F.expr(COORDINATES).cast("binary").alias("key"),
        F.expr(PAYLOAD).alias("value"),
        F.array(
            *(F.struct(F.lit(name).alias("key"), text.cast("binary").alias("value")) for name, text in headers.items())
        ).alias("headers"),
    )


def send_dead_letters(rejected: DataFrame, key: DataFrame, stream: Stream, bootstrap_servers: str) -> bool:
    """Copy the encrypted bytes to the stream's dead letter topic; False when Kafka refused them, or some of them."""
    letters = dead_letters(rejected, key)
    writer = letters.write.format("kafka").option("topic", stream.dead_letter_topic).option("includeHeaders", "true")
    try:
        writer.options(**{"kafka.bootstrap.servers": bootstrap_servers}, **PRODUCER_OPTIONS).save()
    except Exception as error:
        log.warning("no copy on %s: %s", stream.dead_letter_topic, in_one_line(error))
        return False
    return True
