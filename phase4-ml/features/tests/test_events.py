from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from fraud_features import Transaction, to_cents


@pytest.mark.parametrize(
    ("amount", "cents"), [(Decimal("500.10"), 50_010), (500, 50_000), (0.1 + 0.2, 30), ("12.34", 1_234), (-3.5, -350)]
)
def test_amounts_become_whole_cents(amount: Decimal | float, cents: int) -> None:
    assert to_cents(amount) == cents


def test_a_record_is_read_to_the_microsecond() -> None:
    moment = datetime(2025, 11, 21, 14, 0, 0, 1, tzinfo=UTC)
    record = {
        "transaction_id": "t",
        "event_time": moment,
        "user_id": "U",
        "merchant_id": "M",
        "amount": Decimal("1.00"),
    }
    assert Transaction.from_record(record).event_us == 1_763_733_600_000_001
    local = moment.astimezone(timezone(timedelta(hours=5)))
    assert Transaction.from_record(record | {"event_time": local}).event_us == 1_763_733_600_000_001
    assert Transaction.from_record(record | {"event_time": moment.replace(tzinfo=None)}).event_us % 10 == 1
    assert Transaction.from_record(record | {"event_time": 17, "country": "DE"}).country == "DE"
