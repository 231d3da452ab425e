"""Avro values with Confluent framing: a zero byte, four bytes of schema id, then the record.

The schema id is resolved once and the parsed schema kept: no message asks for either again.
"""

import io
import json
import struct
from collections.abc import Callable
from typing import Any, Final

import fastavro

from fraud_contracts import Topic, schema
from fraud_producer.plain_avro import NOT_PLAIN, plain_encoder

_HEADER: Final = struct.Struct(">bI")
_MAGIC: Final = 0
# What fastavro raises on a record that does not fit its schema.
UNFIT: Final = (ValueError, TypeError, AttributeError, KeyError, OverflowError, struct.error)


class Encoder:
    """Encodes the records of one topic.

    Times are integer microseconds and amounts the decimal's bytes: both pass through untouched, which spares a datetime
    and a Decimal per message. Whatever else a record holds is judged, and converted if it fits, by fastavro.
    """

    def __init__(self, topic: Topic, schema_id: int) -> None:
        self.topic = topic
        self._prefix = _HEADER.pack(_MAGIC, schema_id)
        self._parsed: Any = fastavro.parse_schema(schema(topic))
        self._encode_plain = plain_encoder(schema(topic), self._prefix)

    def encode(self, record: dict[str, Any]) -> bytes:
        """The message value of a record.

        Raises:
            UNFIT: the record does not fit the schema.
        """
        if self._encode_plain is not None:
            try:
                return self._encode_plain(record)
            except NOT_PLAIN:
                pass
        buffer = io.BytesIO()
        buffer.write(self._prefix)
        fastavro.schemaless_writer(buffer, self._parsed, record)
        return buffer.getvalue()

    def misfit(self, record: dict[str, Any]) -> tuple[str, str]:
        """The field that keeps a record from being encoded, and why; the field is empty when it is no single one."""
        fields: list[dict[str, Any]] = self._parsed["fields"]
        for field in fields:
            value = record.get(field["name"], field.get("default"))
            try:
                fastavro.schemaless_writer(io.BytesIO(), field["type"], value)
            except UNFIT as wrong:
                kind = type(value).__name__
                return field["name"], f"is {'missing' if value is None else f'a {kind} that does not fit'} ({wrong})"
        return "", "the record as a whole does not fit its schema"


class Decoder:
    """Decodes values of any registered schema; ``schema_text`` returns the schema of an id."""

    def __init__(self, schema_text: Callable[[int], str]) -> None:
        self._schema_text = schema_text
        self._schemas: dict[int, Any] = {}

    def decode(self, value: bytes) -> dict[str, Any]:
        """The record of a framed value; times are datetimes and amounts Decimals.

        Raises:
            ValueError: the value has no Confluent frame or does not fit its schema.
        """
        if len(value) < _HEADER.size:
            raise ValueError(f"{len(value)} bytes are too short for a frame")
        magic, schema_id = _HEADER.unpack_from(value)
        if magic != _MAGIC:
            raise ValueError(f"the first byte is {magic}, not 0")
        if schema_id not in self._schemas:
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(self._schema_text(schema_id)))
        try:
            record = fastavro.schemaless_reader(io.BytesIO(value[_HEADER.size :]), self._schemas[schema_id], None)
        except (EOFError, IndexError, UnicodeDecodeError, OverflowError) as broken:
            raise ValueError(f"the bytes do not fit schema {schema_id}: {broken}") from broken
        if not isinstance(record, dict):
            raise ValueError(f"schema {schema_id} is not a record")  # noqa: TRY004 - the caller catches one error
        return record
