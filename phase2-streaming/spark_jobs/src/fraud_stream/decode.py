"""From Kafka's bytes to typed rows: each message with the schema it was written with, read into one schema for all.

Nothing in here can fail on a row. What cannot be decoded keeps its bytes and gets a reason instead.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.types import DecimalType, TimestampType

from fraud_contracts import Topic, schema
from fraud_stream.quality_checks import Check, reasons
from fraud_stream.reader_schema import OWN_COLUMNS, reader_schema

# Confluent framing: one zero byte, the schema id as four bytes, big endian, then the Avro body.
HEADER_BYTES: Final = 5

NULL_VALUE: Final = "null_value"
TRUNCATED: Final = "truncated_header"
BAD_MAGIC: Final = "bad_magic_byte"
UNKNOWN_SCHEMA: Final = "unknown_schema_id"
UNUSABLE_SCHEMA: Final = "unusable_schema"
UNDECODABLE: Final = "undecodable_body"
FRAMING_REASONS: Final = (NULL_VALUE, TRUNCATED, BAD_MAGIC, UNKNOWN_SCHEMA, UNUSABLE_SCHEMA, UNDECODABLE)


def with_record(frame: DataFrame, topic: Topic, writer_schemas: Mapping[int, str]) -> DataFrame:
    """Add ``_schema_id`` (int), ``record`` (struct of the reader schema's fields) and ``framing_reason`` (string).

    ``frame`` has a binary column ``value``. ``writer_schemas`` are the Avro schemas by id that may occur: the record
    has the contract's fields and those that they add. A row that cannot be decoded has a ``framing_reason`` and a
    record of nulls.
    """
    reader = reader_schema(topic, writer_schemas)
    usable = {key: text for key, text in writer_schemas.items() if key not in reader.unusable}
    framed = with_schema_id(frame, writer_schemas)
    read = framed.select("*", _record(reader.text, usable).alias("record"))
    reason = (
        F.when(F.col("value").isNull(), F.lit(NULL_VALUE))
        .when(F.length("value") < HEADER_BYTES, F.lit(TRUNCATED))
        .when(F.expr("substring(value, 1, 1) <> X'00'"), F.lit(BAD_MAGIC))
        .when(F.coalesce(F.col("_schema_id").isin(*reader.unusable), F.lit(False)), F.lit(UNUSABLE_SCHEMA))
        .when(~F.coalesce(F.col("_schema_id").isin(*usable), F.lit(False)), F.lit(UNKNOWN_SCHEMA))
        # PERMISSIVE gives a record of nulls for a body that does not decode; a real one always has its id
        .when(F.col("record").getField(topic.id_field).isNull(), F.lit(UNDECODABLE))
    )
    return read.select("*", reason.alias("framing_reason"))


def with_schema_id(frame: DataFrame, expected: Iterable[int] = ()) -> DataFrame:
    """Add ``_schema_id`` (int): the id that the header of ``value`` claims, null where it claims none.

    Ids that are ``expected`` cost one comparison of bytes.
    """
    return frame.select("*", _schema_id(expected).alias("_schema_id"))


def with_reasons(frame: DataFrame, checks: tuple[Check, ...]) -> DataFrame:
    """Unpack ``record`` and add ``reasons`` (array of strings, empty for a good row, never null)."""
    unpacked = frame.select(*(name for name in frame.columns if name != "record"), "record.*")
    verdict = F.when(F.col("framing_reason").isNotNull(), F.array("framing_reason")).otherwise(reasons(checks))
    return unpacked.select("*", verdict.alias("reasons")).drop("framing_reason")


def landed_fields(judged: DataFrame, topic: Topic) -> list[Column]:
    """The record's fields as Bronze keeps them; ``judged`` is what :func:`with_reasons` gave.

    Times become TIMESTAMP_NTZ in UTC: Trino reads Delta's plain TIMESTAMP with milliseconds only and would cut
    off the microseconds that windows and ties depend on. Decimals become as wide as the contract says.
    """
    declared = {field["name"]: field["type"] for field in schema(topic)["fields"]}
    columns = []
    for name in judged.columns:
        if name in OWN_COLUMNS or name.startswith("_"):
            continue
        column, kind = F.col(name), judged.schema[name].dataType
        if isinstance(kind, TimestampType):
            column = column.cast("timestamp_ntz").alias(name)
        elif isinstance(kind, DecimalType) and name in declared:
            column = column.cast(_decimal(declared[name])).alias(name)
        columns.append(column)
    return columns


def _decimal(avro_type: Any) -> DecimalType:
    branches = avro_type if isinstance(avro_type, list) else [avro_type]
    (kind,) = (branch for branch in branches if isinstance(branch, dict))
    return DecimalType(kind["precision"], kind["scale"])


def _header(schema_id: int) -> Column:
    header = (b"\x00" + schema_id.to_bytes(4, "big")).hex()
    return F.expr(f"substring(value, 1, {HEADER_BYTES}) = X'{header}'")


def _schema_id(expected: Iterable[int]) -> Column:
    claimed = F.expr(
        f"CASE WHEN length(value) >= {HEADER_BYTES} AND substring(value, 1, 1) = X'00' "
        "THEN try_cast(conv(hex(substring(value, 2, 4)), 16, 10) AS INT) END"
    )
    column: Column | None = None
    for schema_id in sorted(expected):
        column = (
            F.when(_header(schema_id), F.lit(schema_id))
            if column is None
            else column.when(_header(schema_id), F.lit(schema_id))
        )
    return claimed if column is None else column.otherwise(claimed)


def _record(reader: str, writer_schemas: Mapping[int, str]) -> Column:
    options = {"mode": "PERMISSIVE", "avroSchema": reader}
    body = F.expr(f"substring(value, {HEADER_BYTES + 1})")
    empty = from_avro(F.lit(None).cast("binary"), reader, options)
    column: Column | None = None
    for schema_id, writer_schema in sorted(writer_schemas.items()):
        decoded = from_avro(body, writer_schema, options)
        here = F.col("_schema_id") == schema_id
        column = F.when(here, decoded) if column is None else column.when(here, decoded)
    return empty if column is None else column
