"""What status reads of a topic's newest messages."""

import struct
from datetime import UTC, datetime
from io import BytesIO

import pytest
from fastavro import parse_schema, schemaless_writer

from fraud_contracts import LABELS, schema
from fraud_native.layers import event_time

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def framed(record: dict[str, object]) -> bytes:
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema(LABELS)), record)
    return struct.pack(">bI", 0, 1) + body.getvalue()


def label() -> dict[str, object]:
    values: dict[str, object] = {"string": "x", "boolean": True}
    return {
        field["name"]: values[field["type"]] if isinstance(field["type"], str) else field.get("default", MOMENT)
        for field in schema(LABELS)["fields"]
    } | {"event_time": MOMENT}


def test_the_time_of_an_event_is_read() -> None:
    assert event_time(LABELS, framed(label())) == MOMENT


@pytest.mark.parametrize("poison", [b"", b"\x00", b"not avro at all", framed(label())[:-3], b"\xff" * 40])
def test_a_message_that_nobody_can_read_has_none(poison: bytes) -> None:
    assert event_time(LABELS, poison) is None
