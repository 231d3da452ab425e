"""The schema that a topic's messages are read into: the contract, and whatever the registered versions add to it.

A producer may register a version with more optional fields at any time. Bronze takes them from the next batch on: old
messages have null there, and so has every message of a version that does not know the field.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fraud_contracts import Topic, schema
from fraud_stream.field_meaning import changed_field

log = logging.getLogger(__name__)

# Columns that stand beside the record's fields while a message is judged, and the partition of Bronze. A field under
# such a name, or one that begins with an underscore like the ledger columns, could not be told from them.
OWN_COLUMNS: Final = frozenset({"key", "value", "record", "framing_reason", "reasons", "event_date"})
# What Avro writes into the bytes of a decimal may have more digits than its schema says. Read as declared, Spark keeps
# the lowest 64 bits of such a number, which is another amount; read this wide, it is too large and a check says so.
WIDEST_DECIMAL: Final = 38
# Spark turns a type into code of its own, level by level, and a type that contains itself has no end.
DEEPEST_NESTING: Final = 8


@dataclass(frozen=True, slots=True)
class ReaderSchema:
    """The Avro schema to read into, as JSON text, and the ids of versions that cannot be read into it."""

    text: str
    unusable: frozenset[int]


def reader_schema(topic: Topic, writer_schemas: Mapping[int, str]) -> ReaderSchema:
    """The contract's schema of a topic with the fields that ``writer_schemas`` (Avro text by id) add to it.

    Added fields are nullable and null where a message does not have them, whatever default their version gives.
    """
    return _merged(topic, tuple(sorted(writer_schemas.items())))


@lru_cache(maxsize=64)
def _merged(topic: Topic, writer_schemas: tuple[tuple[int, str], ...]) -> ReaderSchema:
    merged = schema(topic)
    for field in merged["fields"]:
        field["type"] = _widened(field["type"])
    unusable = set()
    for schema_id, text in writer_schemas:
        written = json.loads(text)
        known = {field["name"] for field in merged["fields"]}
        added = [field for field in _fields(written) if field["name"] not in known]
        if problem := _problem(written, added, known):
            log.error("%s: messages of schema %d go to quarantine: %s", topic.name, schema_id, problem)
            unusable.add(schema_id)
        elif changed := changed_field(_fields(written), merged["fields"]):
            log.error(
                "%s: messages of schema %d go to quarantine: the bytes of %s would be read as another value",
                *(topic.name, schema_id, changed),
            )
            unusable.add(schema_id)
        elif added:
            names = ", ".join(field["name"] for field in added)
            log.info("%s: schema %d adds %s, and so does Bronze", topic.name, schema_id, names)
            merged["fields"] += [_optional(field, written, merged) for field in added]
    return ReaderSchema(json.dumps(merged), frozenset(unusable))


def _fields(record: Any) -> list[dict[str, Any]]:
    return list(record["fields"]) if isinstance(record, dict) and record.get("type") == "record" else []


def _problem(written: Any, added: list[dict[str, Any]], known: set[str]) -> str:
    """Why a version cannot be read together with the others; empty when it can."""
    if not _fields(written):
        return "it is no record with fields"
    # neither Delta nor Trino tells columns apart by case
    taken = {name.lower() for name in known} | OWN_COLUMNS
    around = frozenset({str(written.get("name")).rpartition(".")[2]})
    for field in added:
        name = field["name"].lower()
        if name in taken or name.startswith("_"):
            return f"Bronze has a column {name} already; register the field under another name"
        if _kinds(field["type"]) == []:
            return f"the field {name} can only be null; register it with a type"
        if _is_too_deep(field["type"], around):
            return f"the field {name} contains itself or nests deeper than {DEEPEST_NESTING} levels; register it flat"
        taken.add(name)
    return ""


def _optional(field: dict[str, Any], written: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    """An added field as the others read it: null where it is missing."""
    defined = {_full_name(kind, merged) for other in merged["fields"] for kind in _kinds(other["type"])} - {""}
    # Avro takes one definition of a name; a type that is defined already is referred to
    kinds = [name if (name := _full_name(kind, written)) in defined else kind for kind in _kinds(field["type"])]
    return {"name": field["name"], "type": ["null", *kinds], "default": None}


def _full_name(kind: Any, record: dict[str, Any]) -> str:
    """The full name of a type that is defined here; empty for one that has none."""
    if not isinstance(kind, dict) or "name" not in kind:
        return ""
    namespace = kind.get("namespace", record.get("namespace", ""))
    return str(kind["name"]) if "." in kind["name"] or not namespace else f"{namespace}.{kind['name']}"


def _kinds(avro_type: Any) -> list[Any]:
    """The branches of a type that are not null."""
    return [kind for kind in (avro_type if isinstance(avro_type, list) else [avro_type]) if kind != "null"]


def _is_too_deep(avro_type: Any, around: frozenset[str], level: int = 1) -> bool:
    """Whether a type nests deeper than Spark can follow; ``around`` are the names of the records it stands in."""
    if isinstance(avro_type, list):
        return any(_is_too_deep(kind, around, level) for kind in avro_type)
    if isinstance(avro_type, str):
        return avro_type.rpartition(".")[2] in around
    if level > DEEPEST_NESTING:
        return True
    inner = around | {str(avro_type["name"]).rpartition(".")[2]} if "name" in avro_type else around
    parts = [field["type"] for field in avro_type.get("fields", ())]
    parts += [avro_type[key] for key in ("items", "values") if key in avro_type]
    return any(_is_too_deep(part, inner, level + 1) for part in parts)


def _widened(avro_type: Any) -> Any:
    if isinstance(avro_type, list):
        return [_widened(kind) for kind in avro_type]
    if isinstance(avro_type, dict) and avro_type.get("logicalType") == "decimal":
        return {**avro_type, "precision": WIDEST_DECIMAL}
    return avro_type
