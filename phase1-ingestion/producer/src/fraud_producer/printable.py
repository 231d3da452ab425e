"""Decoded records as JSON values."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from fraud_producer.events import iso, to_us


def printable(record: dict[str, Any]) -> dict[str, Any]:
    """A decoded record without nulls: times in ISO 8601, amounts as text with both decimals, bytes as hex."""
    return {name: _plain(value) for name, value in record.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(to_us(value))
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value
