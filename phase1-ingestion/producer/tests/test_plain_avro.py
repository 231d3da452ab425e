"""The encoder for plain records writes the bytes that fastavro writes, and refuses what it does not know."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_contracts import RAW_TOPICS, TRANSACTIONS, Topic, schema
from fraud_producer.avro import UNFIT, Encoder
from fraud_producer.plain_avro import NOT_PLAIN, REMEMBERED_TEXTS, plain_encoder, zigzag

ENCODERS = {topic.name: plain_encoder(schema(topic)) for topic in RAW_TOPICS}
PARSED = {topic.name: fastavro.parse_schema(schema(topic)) for topic in RAW_TOPICS}
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=200),
    "bytes": st.binary(max_size=12),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(),
    "boolean": st.booleans(),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.none()),
)


def by_fastavro(topic: Topic, record: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, PARSED[topic.name], record)
    return buffer.getvalue()


def values_of(declared: Any) -> st.SearchStrategy[Any]:
    if isinstance(declared, list):
        return st.one_of(*(st.none() if each == "null" else values_of(each) for each in declared))
    if isinstance(declared, dict) and declared["type"] == "enum":
        return st.sampled_from(declared["symbols"])
    return BY_KIND[declared["type"] if isinstance(declared, dict) else declared]


@st.composite
def plain_records(draw: st.DrawFn) -> tuple[Topic, dict[str, Any]]:
    topic = draw(st.sampled_from(RAW_TOPICS))
    return topic, {field["name"]: draw(values_of(field["type"])) for field in schema(topic)["fields"]}


@given(plain_records())
def test_plain_records_become_the_bytes_of_fastavro(case: tuple[Topic, dict[str, Any]]) -> None:
    topic, record = case
    encode = ENCODERS[topic.name]
    assert encode is not None, f"{topic.schema_file} has a type that the plain encoder does not know"
    assert encode(record) == by_fastavro(topic, record)
    # texts are remembered by then
    assert encode(record) == by_fastavro(topic, record)


@given(plain_records(), st.data())
def test_an_odd_value_is_encoded_or_refused_as_by_fastavro(
    case: tuple[Topic, dict[str, Any]], data: st.DataObject
) -> None:
    topic, record = case
    name = data.draw(st.sampled_from(sorted(record)))
    record[name] = data.draw(ODD)
    encoder = Encoder(topic, 1)
    try:
        expected = by_fastavro(topic, record)
    except UNFIT:
        with pytest.raises(UNFIT):
            encoder.encode(record)
    else:
        assert encoder.encode(record)[5:] == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": 48},
        {"event_time": datetime(2026, 11, 21, 12, 30, tzinfo=UTC)},
        {"amount": Decimal("12.34")},
        {"country": ("string", "DE")},
        {"device_id": None, "nobody_knows_this": 1},
    ],
)
def test_what_fastavro_converts_is_left_to_it(changes: dict[str, Any]) -> None:
    required = {"transaction_id": "t1", "event_time": 1, "user_id": "U1", "merchant_id": "M1", "amount": b"\x01"}
    # the optional fields are missing: the schema's default is taken
    record = required | changes
    assert Encoder(TRANSACTIONS, 1).encode(record)[5:] == by_fastavro(TRANSACTIONS, record)


@pytest.mark.parametrize(
    "number", [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 2**20, 2**27, 2**41, 2**55, 2**63 - 1, -(2**63)]
)
def test_a_long_is_zigzag_in_groups_of_seven_bits(number: int) -> None:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, {"type": "long"}, number)
    assert zigzag(number) == buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", True),
        ("long", 2**63),
        ("int", -(2**31) - 1),
        ("long", 1.0),
        ("boolean", 1),
        ("double", 1),
        ("string", b"x"),
        ("bytes", "x"),
    ],
)
def test_a_value_of_another_type_is_not_taken(kind: str, value: Any) -> None:
    encode = plain_encoder({"fields": [{"name": "it", "type": kind}]})
    assert encode is not None
    with pytest.raises(NOT_PLAIN):
        encode({"it": value})


@pytest.mark.parametrize(
    "kind", ["float", {"type": "array", "items": "string"}, ["null", "string", "long"], ["string", "null"]]
)
def test_a_schema_with_another_type_has_no_plain_encoder(kind: Any) -> None:
    assert plain_encoder({"fields": [{"name": "it", "type": kind}]}) is None


def test_memory_stays_bounded_when_no_text_repeats() -> None:
    encode = plain_encoder({"fields": [{"name": "it", "type": "string"}]})
    assert encode is not None
    for number in range(REMEMBERED_TEXTS + 100):
        assert encode({"it": f"t{number:06d}"}) == b"\x0e" + f"t{number:06d}".encode()
    remembered = encode.__closure__[0].cell_contents[0][1].__self__  # type: ignore[attr-defined, index]
    assert len(remembered) == REMEMBERED_TEXTS
