"""The schemas can grow: five columns at most are enough, everything else has a default."""

import json
from typing import Any

import pytest

from fraud_contracts import (
    CARD_EVENTS,
    EXTERNAL_ALERTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TRANSACTIONS,
    Topic,
    field_names,
    schema,
    schema_text,
)

REQUIRED = {
    TRANSACTIONS.name: {"transaction_id", "event_time", "user_id", "merchant_id", "amount"},
    LABELS.name: {"label_id", "transaction_id", "event_time", "is_fraud"},
    LOGINS.name: {"login_id", "event_time", "user_id"},
    CARD_EVENTS.name: {"card_event_id", "event_time", "user_id"},
    KYC_PROFILES.name: {"kyc_change_id", "event_time", "user_id"},
    EXTERNAL_ALERTS.name: {"alert_id", "event_time", "entity_id"},
}


def enums(kind: Any) -> list[dict[str, Any]]:
    branches = kind if isinstance(kind, list) else [kind]
    return [branch for branch in branches if isinstance(branch, dict) and branch["type"] == "enum"]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_only_what_a_record_cannot_do_without_is_required(topic: Topic) -> None:
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


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_money_is_decimal_and_time_is_in_microseconds(topic: Topic) -> None:
    money = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
    moment = {"type": "long", "logicalType": "timestamp-micros"}
    for field in schema(topic)["fields"]:
        for kind in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(kind, dict) and kind["type"] != "enum":
                assert kind in (money, moment), field["name"]
    fields = {field["name"]: field["type"] for field in schema(topic)["fields"]}
    assert fields["event_time"] == moment


def test_a_name_means_one_type_on_every_topic() -> None:
    """Enums apart: a reader of two topics can put their columns side by side."""
    kinds: dict[str, set[str]] = {}
    for topic in RAW_TOPICS:
        for field in schema(topic)["fields"]:
            branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
            kinds.setdefault(field["name"], set()).update(
                json.dumps(kind) for kind in branches if kind != "null" and not enums(kind)
            )
    assert [name for name, found in kinds.items() if len(found) > 1] == []


def test_a_payment_carries_no_label() -> None:
    assert not {name for name in field_names(TRANSACTIONS) if "fraud" in name or "label" in name}


def test_schema_is_a_fresh_copy() -> None:
    schema(TRANSACTIONS)["fields"].clear()
    assert schema(TRANSACTIONS) == json.loads(schema_text(TRANSACTIONS))
