"""Rows of a file with one JSON object per line."""

import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from fraud_producer.errors import MappingError
from fraud_producer.replay.row import Row
from fraud_producer.replay.text_files import TextFile, saying_what_is_broken

# A line is in memory at once; a file that is one long line is no file of lines.
_LONGEST_LINE: Final = 1_000_000
# Objects that are looked through for their columns before a column counts as one that a later object may bring.
_SAMPLE: Final = 1000
_DEEPEST: Final = 20


class JsonRows:
    """A file of JSON objects, plain or gzip; an object inside an object is a column ``outer.inner``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = TextFile(path, "utf-8")

    def columns(self, wanted: Collection[str]) -> list[str]:
        """The keys of the first objects, and of as many more as it takes to see every wanted one."""
        seen: dict[str, None] = {}
        missing = set(wanted)
        for row in self.rows():
            seen.update(dict.fromkeys(row.values))
            missing -= row.values.keys()
            if row.number >= _SAMPLE and not missing:
                break
        return list(seen)

    def rows(self) -> Iterator[Row]:
        with self._file.open() as text:
            number = 0
            for line, content in enumerate(self._lines(text), start=1):
                if content is not None and not content.strip():
                    continue
                number += 1
                if number == 1 and content is not None and content.lstrip().startswith("["):
                    raise MappingError(f"{self.path.name} is a JSON array: write one object per line")
                yield _row(number, line, content)

    def share_read(self) -> float:
        return self._file.share_read()

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str | None]:
        """The lines; None for one that is too long."""
        with saying_what_is_broken(self.path, ", read in part,"):
            while part := text.readline(_LONGEST_LINE):
                if len(part) < _LONGEST_LINE or part.endswith("\n"):
                    yield part.removeprefix("\ufeff")
                    continue
                beginning = part[:100].lstrip("\ufeff \t")
                while (part := text.readline(_LONGEST_LINE)) and not part.endswith("\n"):
                    pass
                yield "[" if beginning.startswith("[") else None


def _row(number: int, line: int, content: str | None) -> Row:
    if content is None:
        return Row(number, line, {}, f"is longer than {_LONGEST_LINE:,} characters")
    try:
        content.encode("utf-8")
        found = json.loads(content)
    except UnicodeEncodeError:
        return Row(number, line, {}, "is not text in UTF-8")
    except (ValueError, RecursionError) as broken:
        return Row(number, line, {}, f"is no JSON ({broken})")
    if not isinstance(found, dict):
        return Row(number, line, {}, "is no JSON object")
    try:
        return Row(number, line, dict(_flat("", found)))
    except RecursionError:
        return Row(number, line, {}, f"is nested deeper than {_DEEPEST} objects")


def _flat(prefix: str, found: dict[str, Any], depth: int = 1) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise RecursionError
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value, depth + 1)
        else:
            yield prefix + name, value
