"""Rows of a CSV file."""

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from fraud_producer.errors import MappingError
from fraud_producer.replay.mapping import CsvFormat
from fraud_producer.replay.row import Row
from fraud_producer.replay.text_files import TextFile, saying_what_is_broken

_DELIMITERS: Final = ",;\t|"
# A quote that is never closed would otherwise swallow the rest of the file into one field.
_LONGEST_FIELD: Final = 100_000


class CsvRows:
    """A CSV file, plain or gzip."""

    def __init__(self, path: Path, layout: CsvFormat) -> None:
        self.path = path
        self._layout = layout
        self._file = TextFile(path, layout.encoding)

    def columns(self, wanted: Collection[str]) -> list[str]:  # noqa: ARG002 - the header names all of them
        with saying_what_is_broken(self.path), self._file.open() as text:
            return self._header(text)[0]

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(_LONGEST_FIELD)
        with self._file.open() as text:
            with saying_what_is_broken(self.path):
                columns, delimiter = self._header(text)
            reader = csv.reader(self._file.lines(text), delimiter=delimiter)
            number = 0
            while True:
                # the header took line 1
                line = reader.line_num + 2
                try:
                    fields = next(reader)
                except StopIteration:
                    break
                except csv.Error as broken:
                    number += 1
                    yield Row(number, line, {}, str(broken))
                    continue
                if not fields:
                    continue
                number += 1
                if len(fields) == len(columns):
                    yield Row(number, line, dict(zip(columns, fields, strict=True)))
                else:
                    yield Row(number, line, {}, f"has {len(fields)} columns, the header has {len(columns)}")

    def share_read(self) -> float:
        return self._file.share_read()

    def _header(self, text: io.TextIOWrapper) -> tuple[list[str], str]:
        first = text.readline().removeprefix("\ufeff").rstrip("\r\n")
        if not first.strip():
            raise MappingError(f"{self.path.name} is empty: its first line must name the columns")
        delimiter = self._layout.delimiter or max(_DELIMITERS, key=first.count)
        try:
            columns = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
        except (csv.Error, TypeError, ValueError) as broken:
            raise MappingError(f"{self.path.name}: its first line names no columns ({broken}): is it CSV?") from broken
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            raise MappingError(f"{self.path.name} has the column {repeated[0]!r} twice: rename one")
        return columns, delimiter
