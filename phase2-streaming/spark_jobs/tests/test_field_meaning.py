"""Versions that Avro would read without an error, as other amounts or other moments, are told apart."""

import json
from typing import Any

import pytest

from fraud_contracts import CARD_EVENTS, RAW_TOPICS, TRANSACTIONS, Topic, schema
from fraud_stream.reader_schema import reader_schema

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
MOMENT = {"type": "long", "logicalType": "timestamp-micros"}


def retyped(topic: Topic, name: str, kind: Any) -> dict[str, Any]:
    written = schema(topic)
    (field,) = (field for field in written["fields"] if field["name"] == name)
    field["type"] = kind
    return written


def unusable(topic: Topic, *versions: dict[str, Any]) -> frozenset[int]:
    return reader_schema(topic, {number: json.dumps(written) for number, written in enumerate(versions, 1)}).unusable


@pytest.mark.parametrize(
    ("topic", "name", "kind"),
    [
        pytest.param(TRANSACTIONS, "amount", {**DECIMAL, "scale": 3}, id="another scale"),
        pytest.param(TRANSACTIONS, "amount", "string", id="text for a decimal"),
        pytest.param(TRANSACTIONS, "amount", "bytes", id="bytes for a decimal"),
        pytest.param(TRANSACTIONS, "event_time", {**MOMENT, "logicalType": "timestamp-millis"}, id="milliseconds"),
        pytest.param(TRANSACTIONS, "event_time", "long", id="a bare number"),
        pytest.param(CARD_EVENTS, "limit_amount", ["null", {**DECIMAL, "scale": 0}], id="another scale, nullable"),
    ],
)
def test_a_version_whose_bytes_mean_something_else_is_unusable(topic: Topic, name: str, kind: Any) -> None:
    assert unusable(topic, schema(topic), retyped(topic, name, kind)) == {2}


@pytest.mark.parametrize(
    ("topic", "name", "kind"),
    [
        pytest.param(TRANSACTIONS, "amount", {**DECIMAL, "precision": 10}, id="fewer digits"),
        pytest.param(CARD_EVENTS, "limit_amount", DECIMAL, id="required where it was nullable"),
        pytest.param(TRANSACTIONS, "latitude", ["null", "float"], id="a smaller number"),
    ],
)
def test_a_version_whose_bytes_mean_the_same_is_read(topic: Topic, name: str, kind: Any) -> None:
    assert unusable(topic, schema(topic), retyped(topic, name, kind)) == frozenset()


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_the_contract_means_what_it_says(topic: Topic) -> None:
    assert unusable(topic, schema(topic)) == frozenset()


def test_a_field_that_only_versions_have_keeps_its_first_meaning() -> None:
    first, second = schema(TRANSACTIONS), schema(TRANSACTIONS)
    first["fields"].append({"name": "tip", "type": ["null", DECIMAL], "default": None})
    second["fields"].append({"name": "tip", "type": ["null", {**DECIMAL, "scale": 4}], "default": None})
    assert unusable(TRANSACTIONS, first, second) == {2}
