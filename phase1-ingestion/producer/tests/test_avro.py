"""Values carry Confluent framing and survive the way there and back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fraud_contracts import LABELS, TRANSACTIONS, field_names, schema_text
from fraud_producer.avro import UNFIT, Decoder, Encoder
from fraud_producer.events import cents_of, decimal_bytes, to_us

MOMENT = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
DECODER = Decoder(lambda _: schema_text(TRANSACTIONS))


def payment(**values: Any) -> dict[str, Any]:
    required = {
        "transaction_id": "t1",
        "event_time": to_us(MOMENT),
        "user_id": "U0001",
        "merchant_id": "M001",
        "amount": decimal_bytes(1234),
    }
    return dict.fromkeys(field_names(TRANSACTIONS)) | required | values


def test_frame_is_zero_and_the_schema_id() -> None:
    assert Encoder(TRANSACTIONS, 258).encode(payment())[:5] == b"\x00\x00\x00\x01\x02"


def test_record_survives() -> None:
    record = DECODER.decode(Encoder(TRANSACTIONS, 1).encode(payment(channel="ATM", card_present=True, latitude=48.1)))
    assert record["event_time"] == MOMENT
    assert record["amount"] == Decimal("12.34")
    assert (record["channel"], record["card_present"], record["latitude"]) == ("ATM", True, 48.1)
    assert record["country"] is None


def test_label_survives() -> None:
    label = {
        "label_id": "L1",
        "transaction_id": "t1",
        "event_time": to_us(MOMENT),
        "is_fraud": True,
        "user_id": None,
        "merchant_id": None,
        "transaction_time": None,
        "source": "CORRECTION",
        "fraud_type": None,
    }
    value = Encoder(LABELS, 2).encode(label)
    assert Decoder(lambda _: schema_text(LABELS)).decode(value) == label | {"event_time": MOMENT}


@pytest.mark.parametrize("cents", [0, 1, 127, 128, 255, 256, 32767, 32768, 999_999_999_999, -1, -128, -129])
def test_decimal_is_twos_complement_big_endian(cents: int) -> None:
    assert cents_of(decimal_bytes(cents)) == cents
    record = DECODER.decode(Encoder(TRANSACTIONS, 1).encode(payment(amount=decimal_bytes(cents))))
    assert record["amount"] == Decimal(cents).scaleb(-2)


@pytest.mark.parametrize("wrong", [{"user_id": None}, {"channel": "FAX"}, {"event_time": "today"}])
def test_record_that_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Encoder(TRANSACTIONS, 1).encode(payment(**wrong))


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"user_id": None}, "user_id", "is missing"),
        ({"channel": "FAX"}, "channel", "is a str that does not fit"),
        ({"amount": 12.5, "country": "DE"}, "amount", "is a float that does not fit"),
        ({"latitude": "north"}, "latitude", "is a str that does not fit"),
    ],
)
def test_the_field_that_does_not_fit_is_named(wrong: dict[str, Any], field: str, reason: str) -> None:
    encoder = Encoder(TRANSACTIONS, 1)
    with pytest.raises(UNFIT):
        encoder.encode(payment(**wrong))
    named, said = encoder.misfit(payment(**wrong))
    assert named == field
    assert said.startswith(reason)


@pytest.mark.parametrize("value", [b"", b"\x00\x00", b'{"id": 1}', Encoder(TRANSACTIONS, 1).encode(payment())[:12]])
def test_bytes_of_somebody_else_are_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        DECODER.decode(value)
