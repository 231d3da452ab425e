"""The schemas can grow: five columns are enough, everything else has a default."""

import json
from typing import Any

import pytest

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS, Topic, field_names, schema, schema_text

REQUIRED = {
    TRANSACTIONS.name: {"transaction_id", "event_time", "user_id", "merchant_id", "amount"},
    LABELS.name: {"label_id", "transaction_id", "event_time", "is_fraud"},
}


def enums(kind: Any) -> list[dict[str, Any]]:
    branches = kind if isinstance(kind, list) else [kind]
    return [branch for branch in branches if isinstance(branch, dict) and branch["type"] == "enum"]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_only_what_a_payment_cannot_do_without_is_required(topic: Topic) -> None:
    required = {field["name"] for field in schema(topic)["fields"] if "default" not in field}
    assert required == REQUIRED[topic.name]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_optional_fields_are_nullable_with_default_null(topic: Topic) -> None:
    for field in schema(topic)["fields"]:
        if "default" in field:
            assert field["type"][0] == "null", field["name"]
            assert field["default"] is None, field["name"]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_every_enum_can_meet_a_symbol_it_does_not_know(topic: Topic) -> None:
    for field in schema(topic)["fields"]:
        for enum in enums(field["type"]):
            assert enum["default"] == "UNKNOWN"
            assert enum["symbols"][0] == "UNKNOWN"


def test_money_is_decimal_and_time_is_in_microseconds() -> None:
    fields = {field["name"]: field["type"] for field in schema(TRANSACTIONS)["fields"]}
    assert fields["amount"] == {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
    assert fields["event_time"]["logicalType"] == "timestamp-micros"


def test_a_payment_carries_no_label() -> None:
    assert not {name for name in field_names(TRANSACTIONS) if "fraud" in name or "label" in name}


def test_schema_is_a_fresh_copy() -> None:
    schema(TRANSACTIONS)["fields"].clear()
    assert schema(TRANSACTIONS) == json.loads(schema_text(TRANSACTIONS))
