import io
from typing import Any

import fastavro
import pytest

from fraud_contracts import TRANSACTIONS, schema
from fraud_features import Transaction
from fraud_serving.transaction_records import TransactionDecoder, UnreadableRecordError

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
def decoder() -> TransactionDecoder:
    return TransactionDecoder(lambda _: schema(TRANSACTIONS))


def test_a_record_becomes_the_transaction_it_describes(decoder: TransactionDecoder) -> None:
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


def test_a_later_schema_with_more_fields_is_read(decoder: TransactionDecoder) -> None:
    grown = schema(TRANSACTIONS)
    grown["fields"].insert(2, {"name": "loyalty", "type": ["null", "string"], "default": None})
    reader = TransactionDecoder(lambda _: grown)
    assert reader.decode(framed({**RECORD, "loyalty": "gold"}, grown)).user_id == "U1"


def test_each_schema_is_fetched_once() -> None:
    asked: list[int] = []

    def fetch(schema_id: int) -> dict[str, Any]:
        asked.append(schema_id)
        return schema(TRANSACTIONS)

    decoder = TransactionDecoder(fetch)
    for _ in range(3):
        decoder.decode(framed(RECORD))
    assert asked == [7]


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0\7", b"\1\0\0\0\7abc", b"\0\0\0\0\7\xff\xff", b"plain"])
def test_bytes_that_are_no_record_are_named(decoder: TransactionDecoder, value: bytes | None) -> None:
    with pytest.raises(UnreadableRecordError):
        decoder.decode(value)


@pytest.mark.parametrize(
    "change",
    [
        {"transaction_id": ""},
        {"user_id": "x" * 65},
        {"amount": b"\0"},
        {"amount": (-5).to_bytes(1, "big", signed=True)},
        {"event_time": 4_102_444_800_000_000},
        {"event_time": 0},
        {"latitude": 91.0},
        {"longitude": float("nan")},
        {"country": "de"},
        {"card_hash": "4111111111111111"},
        {"merchant_category_code": "abc"},
    ],
)
def test_what_bronze_quarantines_enters_no_window(decoder: TransactionDecoder, change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecordError):
        decoder.decode(framed({**RECORD, **change}))
