"""One message in the making."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from fraud_contracts import Topic

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """A record with its topic, its time in microseconds since 1970 (UTC), its id and its key."""

    topic: Topic
    event_us: int
    event_id: str
    key: str
    record: dict[str, Any]


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def to_datetime(moment_us: int) -> datetime:
    """The UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=moment_us)


def iso(moment_us: int) -> str:
    """ISO 8601 in UTC with six decimals and ``Z``, so that text sorts like time."""
    return to_datetime(moment_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decimal_bytes(cents: int) -> bytes:
    """Avro's decimal: the unscaled value as the shortest big-endian two's complement."""
    return cents.to_bytes(cents.bit_length() // 8 + 1, "big", signed=True)


def cents_of(amount: bytes) -> int:
    """Whole hundredths of an Avro decimal."""
    return int.from_bytes(amount, "big", signed=True)


def as_json(record: dict[str, Any]) -> dict[str, Any]:
    """A record as plain JSON values: times in ISO 8601, the amount as a number with two decimals, no nulls."""
    plain = {name: value for name, value in record.items() if value is not None}
    for name in ("event_time", "transaction_time"):
        if name in plain:
            plain[name] = iso(plain[name])
    if "amount" in plain:
        plain["amount"] = cents_of(plain["amount"]) / 100
    return plain
