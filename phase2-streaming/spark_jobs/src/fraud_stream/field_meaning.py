"""Does a version of a schema mean the same by a field as the others?

Avro resolves bytes, not meanings: it reads a decimal of another scale, a time in milliseconds, or text where a decimal
was without an error, and the result is another amount or another moment.
"""

from collections.abc import Iterable
from typing import Any


def changed_field(written: Iterable[dict[str, Any]], read: Iterable[dict[str, Any]]) -> str:
    """Name of the first field whose bytes would be read as another value; empty when there is none."""
    wanted = {field["name"]: _meanings(field["type"]) for field in read}
    for field in written:
        name = field["name"]
        if name in wanted and any(wanted[name]) and _meanings(field["type"]) != wanted[name]:
            return str(name)
    return ""


def _meanings(avro_type: Any) -> set[tuple[str, int] | None]:
    """The logical types of a field's branches, decimals with their scale; None for a branch without one."""
    branches = avro_type if isinstance(avro_type, list) else [avro_type]
    return {_meaning(branch) for branch in branches if branch != "null"}


def _meaning(branch: Any) -> tuple[str, int] | None:
    if not isinstance(branch, dict) or "logicalType" not in branch:
        return None
    return str(branch["logicalType"]), int(branch.get("scale", 0))
