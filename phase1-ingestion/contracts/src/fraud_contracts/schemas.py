"""The Avro schemas of record, as text and as parsed JSON."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fraud_contracts.names import Topic


@cache
def schema_text(topic: Topic) -> str:
    """The ``.avsc`` of a topic's values, as committed."""
    return (files("fraud_contracts") / "avsc" / topic.schema_file).read_text(encoding="utf-8")


def schema(topic: Topic) -> dict[str, Any]:
    """The schema of a topic's values as a fresh dictionary (safe to change)."""
    parsed: dict[str, Any] = json.loads(schema_text(topic))
    return parsed


def field_names(topic: Topic) -> tuple[str, ...]:
    """The record's field names in schema order."""
    return tuple(field["name"] for field in schema(topic)["fields"])
