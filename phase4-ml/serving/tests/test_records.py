import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import httpx
import pytest

from fraud_contracts import LOGINS, TRANSACTIONS, schema, schema_text
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example
from fraud_features import Login, Transaction
from fraud_serving.records import (
    RecordDecoder,
    SchemaRegistry,
    UnreadableRecordError,
    login_decoder,
    transaction_decoder,
)

EVENT_US = 1_770_000_000_000_000
RECORD: dict[str, Any] = {
    "transaction_id": "t1",
    "event_time": EVENT_US,
    "user_id": "U1",
    "merchant_id": "M1",
    "amount": (1234).to_bytes(2, "big", signed=True),
    "country": "DE",
    "channel": "ONLINE",
    "card_present": False,
}


def framed(record: dict[str, Any], written_by: dict[str, Any] | None = None) -> bytes:
    plain = _plain(written_by or schema(TRANSACTIONS))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain), record)
    return b"\0\0\0\0\7" + out.getvalue()


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(part) for key, part in node.items() if key != "logicalType"}
    return [_plain(part) for part in node] if isinstance(node, list) else node


@pytest.fixture
def decoder() -> RecordDecoder[Transaction]:
    return transaction_decoder(lambda _: schema(TRANSACTIONS))


def test_a_record_becomes_the_transaction_it_describes(decoder: RecordDecoder[Transaction]) -> None:
    assert decoder.decode(framed(RECORD)) == Transaction(
        transaction_id="t1",
        event_us=EVENT_US,
        user_id="U1",
        merchant_id="M1",
        amount_cents=1234,
        country="DE",
        channel="ONLINE",
        card_present=False,
    )


def test_a_record_becomes_the_login_it_describes() -> None:
    decoder = login_decoder(lambda _: schema(LOGINS))
    record = {"login_id": "l1", "event_time": EVENT_US, "user_id": "U1", "outcome": "LOCKED"}
    assert decoder.decode(framed(record, schema(LOGINS))) == Login("l1", EVENT_US, "U1", "LOCKED")
    wrongs: list[dict[str, Any]] = [{"login_id": ""}, {"event_time": 0}, {"latitude": 91.0}, {"user_id": "x" * 65}]
    for wrong in wrongs:
        with pytest.raises(UnreadableRecordError, match=f"{next(iter(wrong))} is out of bounds"):
            decoder.decode(framed({**record, **wrong}, schema(LOGINS)))


def test_a_later_schema_with_more_fields_is_read(decoder: RecordDecoder[Transaction]) -> None:
    grown = schema(TRANSACTIONS)
    grown["fields"].insert(2, {"name": "loyalty", "type": ["null", "string"], "default": None})
    reader = transaction_decoder(lambda _: grown)
    assert reader.decode(framed({**RECORD, "loyalty": "gold"}, grown)).user_id == "U1"


def test_each_schema_is_fetched_once() -> None:
    asked: list[int] = []

    def fetch(schema_id: int) -> dict[str, Any]:
        asked.append(schema_id)
        return schema(TRANSACTIONS)

    decoder = transaction_decoder(fetch)
    for _ in range(3):
        decoder.decode(framed(RECORD))
    assert asked == [7]


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0\7", b"\1\0\0\0\7abc", b"\0\0\0\0\7\xff\xff", b"plain"])
def test_bytes_that_are_no_record_are_named(decoder: RecordDecoder[Transaction], value: bytes | None) -> None:
    with pytest.raises(UnreadableRecordError):
        decoder.decode(value)


def changed(example: Example) -> bytes:
    """The record with one value of the contracts' examples."""
    name, value = example
    if name == "amount":
        return framed({**RECORD, name: int(value).to_bytes(8, "big", signed=True)})
    return framed({**RECORD, name: value})


@pytest.mark.parametrize("example", WITHIN, ids=repr)
def test_what_the_contracts_allow_is_read(decoder: RecordDecoder[Transaction], example: Example) -> None:
    decoder.decode(changed(example))


@pytest.mark.parametrize("example", BEYOND, ids=repr)
def test_what_bronze_quarantines_enters_no_window(decoder: RecordDecoder[Transaction], example: Example) -> None:
    with pytest.raises(UnreadableRecordError, match=f"{example[0]} is out of bounds"):
        decoder.decode(changed(example))


@pytest.mark.parametrize(
    "written",
    [
        {"type": "object", "properties": {"transaction_id": {"type": "string"}}},
        {"type": "record", "name": "Payment", "fields": [{"name": "place", "type": "elsewhere.Place"}]},
        {"type": "record", "name": "Payment"},
        {},
        "elsewhere.Transaction",
        None,
        7,
    ],
    ids=["json schema", "unresolved reference", "no fields", "empty", "name only", "null", "number"],
)
def test_a_message_whose_schema_is_not_avro_is_left_out(written: Any) -> None:
    with pytest.raises(UnreadableRecordError):
        transaction_decoder(lambda _: written).decode(framed(RECORD))


class Registry:
    """A registry of one subject, with the answers it is given; counts what it was asked."""

    def __init__(self, versions: dict[int, dict[str, Any] | int], status: int = 200) -> None:
        self.versions = versions
        self.status = status
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        *_, last = request.url.path.split("/")
        if self.status != 200:
            return httpx.Response(self.status, json={"message": "no"})
        if last == "versions":
            return httpx.Response(200, json=list(self.versions))
        answer = self.versions[int(last)]
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)

    def client(self) -> SchemaRegistry:
        return SchemaRegistry("http://registry", TRANSACTIONS.subject, httpx.MockTransport(self))


OURS = {"id": 7, "schema": schema_text(TRANSACTIONS)}


def test_only_the_subjects_own_ids_are_read() -> None:
    registry = Registry({1: OURS})
    reader = transaction_decoder(registry.client().schema)
    assert reader.decode(framed(RECORD)).user_id == "U1"
    asked = registry.asked
    with pytest.raises(UnreadableRecordError, match=r"transactions\.raw-value has no schema with the id 8"):
        reader.decode(b"\0\0\0\0\10" + framed(RECORD)[5:])
    assert registry.asked == asked + 1
    registry.versions[2] = {"id": 8, "schema": schema_text(TRANSACTIONS)}
    assert reader.decode(b"\0\0\0\0\10" + framed(RECORD)[5:]).user_id == "U1"


@pytest.mark.parametrize(
    "poison",
    [
        {"id": 8, "schema": 'syntax = "proto3"; message Payment {}', "schemaType": "PROTOBUF"},
        {"id": 8, "schema": json.dumps({"type": "object"}), "schemaType": "JSON"},
        404,
        422,
    ],
    ids=["protobuf", "json schema", "gone", "refused"],
)
def test_one_poisonous_schema_costs_its_messages_and_no_others(poison: dict[str, Any] | int) -> None:
    reader = transaction_decoder(Registry({1: OURS, 2: poison}).client().schema)
    with pytest.raises(UnreadableRecordError):
        reader.decode(b"\0\0\0\0\10" + framed(RECORD)[5:])
    assert reader.decode(framed(RECORD)).user_id == "U1"


def test_a_subject_that_was_deleted_keeps_its_schemas_and_gets_no_others() -> None:
    registry = Registry({1: OURS})
    reader = transaction_decoder(registry.client().schema)
    reader.decode(framed(RECORD))
    registry.status = 404
    assert reader.decode(framed(RECORD)).user_id == "U1"
    with pytest.raises(UnreadableRecordError):
        reader.decode(b"\0\0\0\0\10" + framed(RECORD)[5:])


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_registry_without_the_subject_is_waited_for(status: int) -> None:
    with pytest.raises(httpx.HTTPError):
        transaction_decoder(Registry({}, status).client().schema).decode(framed(RECORD))


@pytest.mark.parametrize(
    "answer", [lambda _: httpx.Response(200, text="<html>"), lambda _: httpx.Response(200, json=[1])]
)
def test_an_answer_of_somebody_else_is_waited_for(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    client = SchemaRegistry("http://registry", TRANSACTIONS.subject, httpx.MockTransport(answer))
    with pytest.raises(httpx.HTTPError):
        client.schema(7)
