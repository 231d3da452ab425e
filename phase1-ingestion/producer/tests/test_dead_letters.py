"""A letter says where its event belonged, what is wrong with it, and what it held."""

import json

import pytest

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS, Topic, field_names
from fraud_producer.dead_letters import MAX_BYTES, OTHER, TOO_LARGE, counted_reason, dead_letter
from fraud_producer.events import Event


def test_headers_say_why_and_the_value_what() -> None:
    record = {"user_id": "u1", "amount": b"\x04\xd2", "channel": object, "country": None, "text": "\udcff"}
    value, headers = dead_letter(Event(TRANSACTIONS, 0, "t1", "u1", record), "channel", "is none")
    assert headers == [
        ("topic", b"transactions.raw"),
        ("reason", b"is none"),
        ("field", b"channel"),
        ("origin", b"producer"),
    ]
    held = json.loads(value)
    assert (held["user_id"], held["amount"], held["channel"]) == ("u1", "04d2", "<class 'object'>")
    assert "country" not in held


def test_a_letter_fits_where_its_event_did_not() -> None:
    value, _ = dead_letter(Event(TRANSACTIONS, 0, "t1", "u1", {"user_id": "u" * 5_000_000}), "", "too large")
    assert len(value) == MAX_BYTES


def test_a_card_number_is_in_no_letter() -> None:
    record = {
        "user_id": "u1",
        "device_id": "4111 1111 1111 1111",
        "note": ["5555555555554444", {"again": 5555555555554444}],
        "amount": 4111111111111111,
        "latitude": 52.5200001234567,
        "longitude": 4111111111111111.0,
        "ip_hash": "1" * 16,
        "event_time": 1_790_000_000_000_000,
        "card_present": True,
    }
    value, _ = dead_letter(Event(TRANSACTIONS, 0, "t1", "u1", record), "amount", "is an int")
    hidden = "[card number]"
    changed = {"device_id": hidden, "note": [hidden, {"again": hidden}], "amount": hidden, "longitude": f"{hidden}.0"}
    assert json.loads(value) == record | changed


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_a_letter_is_counted_under_any_field_of_its_own_contract(topic: Topic) -> None:
    assert [counted_reason(topic, name) for name in field_names(topic)] == list(field_names(topic))
    assert not {OTHER, TOO_LARGE} & set(field_names(topic)), "a field of that name would be counted with them"


@pytest.mark.parametrize("field", ["", "is_fraud", "U0001", "channel ", "is a str that does not fit ('PIGEON')"])
def test_whatever_is_no_field_of_the_contract_is_counted_as_other(field: str) -> None:
    assert "is_fraud" in field_names(LABELS)
    assert counted_reason(TRANSACTIONS, field) == OTHER
