"""Times and amounts as other programs read them."""

from datetime import UTC, datetime

from fraud_producer.events import as_json, decimal_bytes, iso, to_datetime, to_us


def test_microseconds_survive() -> None:
    moment = datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)
    assert to_datetime(to_us(moment)) == moment
    assert iso(to_us(moment)) == "2026-11-21T12:00:00.000001Z"


def test_json_has_plain_values_and_no_nulls() -> None:
    record = {"transaction_id": "t1", "event_time": 1_000_001, "amount": decimal_bytes(50010), "country": None}
    assert as_json(record) == {"transaction_id": "t1", "event_time": "1970-01-01T00:00:01.000001Z", "amount": 500.1}
