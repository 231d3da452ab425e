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
