"""What the dead letter topic takes of an event that could not be sent: its record as JSON, and why, in the headers.

A record that fits no schema may hold anything anywhere, so card numbers are taken out of its text.
"""

import json
from typing import Any, Final

from fraud_contracts import Topic, field_names
from fraud_producer.events import Event
from fraud_producer.pan import without_card_numbers
from fraud_producer.printable import printable

ORIGIN: Final = "producer"
# The record of an event that was too large is cut: the letter must fit where its message did not.
MAX_BYTES: Final = 100_000
# Letters are counted by the field that does not fit; those with no such field, under one of these.
TOO_LARGE: Final = "too_large"
OTHER: Final = "other"

Headers = list[tuple[str, str | bytes | None]]


def dead_letter(event: Event, field: str, reason: str) -> tuple[bytes, Headers]:
    """Value and headers of an event's letter; the headers are topic, reason, field and origin."""
    text = json.dumps(_without_card_numbers(printable(event.record)))
    return text.encode("utf-8", "backslashreplace")[:MAX_BYTES], [
        ("topic", event.topic.name.encode()),
        ("reason", reason.encode("utf-8", "backslashreplace")),
        ("field", field.encode()),
        ("origin", ORIGIN.encode()),
    ]


def counted_reason(topic: Topic, field: str) -> str:
    """The reason under which a letter is counted: a field that the topic's contract has, and ``other`` for any other.

    The reason in the letter's headers quotes the event; each value of a metric's label is a series for good.
    """
    return field if field in field_names(topic) else OTHER


def _without_card_numbers(value: Any) -> Any:
    """The same as plain JSON values; what is none is shown as Python shows it."""
    if isinstance(value, dict):
        return {without_card_numbers(str(name)): _without_card_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_card_numbers(inner) for inner in value]
    # the digits behind a point are nobody's card
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return value
    shown = without_card_numbers(value if isinstance(value, str) else repr(value))
    return value if isinstance(value, int | float) and shown == repr(value) else shown
