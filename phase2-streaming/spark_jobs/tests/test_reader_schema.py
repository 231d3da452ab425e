"""One schema reads every version: old messages have null in new fields, and what cannot be told apart is left out."""

import io
import json
from typing import Any

import fastavro
import pytest

from fraud_contracts import CARD_EVENTS, LOGINS, RAW_TOPICS, TRANSACTIONS, Topic, field_names, schema, schema_text
from fraud_stream.reader_schema import WIDEST_DECIMAL, reader_schema

LOGIN = {"login_id": "g1", "event_time": 1_770_000_000_000_000, "user_id": "U1"}
# a type that contains itself, and one that only looks like it: nine lists in one another
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"], "default": None}]}
DEEP: Any = "string"
for _ in range(9):
    DEEP = {"type": "array", "items": DEEP}
TIER = {"type": "enum", "name": "Tier", "symbols": ["UNKNOWN", "GOLD"], "default": "UNKNOWN"}


def version(topic: Topic, *added: dict[str, Any], without: str = "") -> dict[str, Any]:
    written = schema(topic)
    written["fields"] = [field for field in written["fields"] if field["name"] != without] + list(added)
    return written


def optional(name: str, kind: Any = "string") -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None}


def merged(topic: Topic, *versions: dict[str, Any]) -> tuple[dict[str, Any], frozenset[int]]:
    read = reader_schema(topic, {number: json.dumps(written) for number, written in enumerate(versions, 1)})
    return json.loads(read.text), read.unusable


def read(record: dict[str, Any], written: dict[str, Any], reader: dict[str, Any]) -> dict[str, Any]:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(written), record)
    body.seek(0)
    found = fastavro.schemaless_reader(body, fastavro.parse_schema(written), fastavro.parse_schema(reader))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_the_contract_alone_is_read_as_it_is(topic: Topic) -> None:
    for versions in ((), (schema(topic),)):
        reader, unusable = merged(topic, *versions)
        assert tuple(field["name"] for field in reader["fields"]) == field_names(topic)
        assert not unusable


def test_decimals_are_read_wider_than_they_are_declared() -> None:
    reader, _ = merged(CARD_EVENTS)
    (limit,) = (field["type"] for field in reader["fields"] if field["name"] == "limit_amount")
    assert limit == ["null", {"type": "bytes", "logicalType": "decimal", "precision": WIDEST_DECIMAL, "scale": 2}]


def test_fields_of_every_version_are_there_whatever_the_newest_dropped() -> None:
    versions = (
        schema(LOGINS),
        version(LOGINS, optional("app_version")),
        version(LOGINS, optional("risk", "double"), without="session_id"),
    )
    reader, _ = merged(LOGINS, *versions)
    assert [field["name"] for field in reader["fields"]] == [*field_names(LOGINS), "app_version", "risk"]
    for record, written, expected in (
        (LOGIN, versions[0], (None, None)),
        (LOGIN | {"app_version": "7.1"}, versions[1], ("7.1", None)),
        (LOGIN | {"risk": 0.5}, versions[2], (None, 0.5)),
    ):
        found = read(record, written, reader)
        assert (found["app_version"], found["risk"]) == expected
        assert found["login_id"] == "g1"


def test_an_added_field_is_null_where_it_is_missing_whatever_its_default() -> None:
    with_default = version(LOGINS, {"name": "locale", "type": ["string", "null"], "default": "de"})
    required = version(LOGINS, {"name": "must", "type": "long"})
    reader, unusable = merged(LOGINS, schema(LOGINS), with_default, required)
    assert not unusable
    old = read(LOGIN, schema(LOGINS), reader)
    assert (old["locale"], old["must"]) == (None, None)
    assert read(LOGIN | {"must": 3}, required, reader)["must"] == 3


def test_a_type_that_two_fields_define_is_defined_once() -> None:
    reader, _ = merged(LOGINS, version(LOGINS, optional("tier", TIER)), version(LOGINS, optional("old_tier", TIER)))
    fastavro.parse_schema(reader)
    assert reader["fields"][-1] == {"name": "old_tier", "type": ["null", "fraudwatch.Tier"], "default": None}


@pytest.mark.parametrize(
    "written",
    [
        version(TRANSACTIONS, optional("_topic")),
        version(TRANSACTIONS, optional("reasons")),
        version(TRANSACTIONS, optional("event_date", "int")),
        version(TRANSACTIONS, optional("Amount")),
        version(TRANSACTIONS, optional("one"), optional("ONE")),
        version(TRANSACTIONS, {"name": "nothing", "type": "null"}),
        version(TRANSACTIONS, optional("chain", NODE)),
        version(TRANSACTIONS, optional("parent", "fraudwatch.Transaction")),
        version(TRANSACTIONS, optional("deep", DEEP)),
        {"type": "string"},
        ["null", "string"],
    ],
    ids=[
        *("a ledger column", "a column of judging", "the partition", "another case", "twice", "null"),
        *("contains itself", "contains all", "too deep", "text", "union"),
    ],
)
def test_a_version_whose_fields_could_not_be_told_apart_is_unusable(
    written: Any, caplog: pytest.LogCaptureFixture
) -> None:
    read = reader_schema(TRANSACTIONS, {4: schema_text(TRANSACTIONS), 9: json.dumps(written)})
    assert read.unusable == {9}
    assert tuple(field["name"] for field in json.loads(read.text)["fields"]) == field_names(TRANSACTIONS)
    assert "transactions.raw: messages of schema 9 go to quarantine: " in caplog.text


def test_nested_fields_are_read_as_long_as_spark_can_follow() -> None:
    place = {"type": "record", "name": "Place", "fields": [{"name": "tags", "type": {"type": "array", "items": TIER}}]}
    reader, unusable = merged(LOGINS, version(LOGINS, optional("place", place), optional("tier", "Tier")))
    assert not unusable
    assert [field["name"] for field in reader["fields"]][-2:] == ["place", "tier"]
