"""A letter says where its event belonged, what is wrong with it, and what it held."""

import json

from fraud_contracts import TRANSACTIONS
from fraud_producer.dead_letters import MAX_BYTES, dead_letter
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
    record = {"user_id": "u1", "device_id": "4111 1111 1111 1111", "note": ["5555555555554444"], "ip_hash": "1" * 16}
    value, _ = dead_letter(Event(TRANSACTIONS, 0, "t1", "u1", record), "amount", "is missing")
    held = json.loads(value)
    assert held["device_id"] == "[card number]"
    assert "5555555555554444" not in value.decode()
    assert held["ip_hash"] == "1" * 16
