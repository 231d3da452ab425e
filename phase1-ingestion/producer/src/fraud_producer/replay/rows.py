"""Rows of a CSV or Parquet file, one after another in bounded memory."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import polars as pl

from fraud_producer.errors import MappingError
from fraud_producer.replay.mapping import CsvFormat

# Rows of a Parquet file in memory at a time.
PARQUET_ROWS: Final = 20_000
_DELIMITERS: Final = ",;\t|"
# A quote that is never closed would otherwise swallow the rest of the file into one field.
_LONGEST_FIELD: Final = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """A data row: its number (1 is the first), its line in the file, and its values by column.

    ``problem`` says why the row has no values, where it cannot be told apart into columns.
    """

    number: int
    line: int
    values: dict[str, Any]
    problem: str = ""


class RowFile(Protocol):
    """A file that can be read from the beginning any number of times."""

    path: Path

    def columns(self) -> list[str]:
        """Names of the columns."""

    def rows(self) -> Iterator[Row]:
        """All rows in the order of the file."""

    def share_read(self) -> float:
        """How much of the file the current reading has behind it, 0 to 1."""


def open_rows(path: Path, layout: CsvFormat) -> RowFile:
    """The reader for a file, by its name's ending.

    Raises:
        MappingError: the ending says neither CSV nor Parquet, or the file cannot be opened.
    """
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")):
        return CsvRows(path, layout)
    if name.endswith((".parquet", ".pq")):
        return ParquetRows(path)
    raise MappingError(f"{path.name}: only .csv, .tsv, .txt (also .gz) and .parquet can be read; convert it first")


@contextmanager
def _saying_what_is_broken(path: Path, where: str = "") -> Iterator[None]:
    """One sentence instead of what the readers raise on a damaged file.

    Raises:
        MappingError: the file cannot be read.
    """
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
        raise MappingError(
            f"{path.name}{where} is no whole gzip file ({broken}): copy or compress it again, "
            "or drop .gz from its name if it is plain text"
        ) from broken
    except pl.exceptions.PolarsError as broken:
        reason = next(iter(str(broken).splitlines()), type(broken).__name__)
        raise MappingError(f"{path.name}{where} is no whole Parquet file ({reason}): write it again") from broken
    except UnicodeError as broken:
        raise MappingError(f"{path.name}{where} is not in the encoding of csv.encoding: {broken}; set it") from broken
    except OSError as broken:
        reason = broken.strerror or str(broken)
        raise MappingError(f"{path.name}{where} cannot be read ({reason}): check the file and its rights") from broken


class CsvRows:
    """A CSV file, plain or gzip."""

    def __init__(self, path: Path, layout: CsvFormat) -> None:
        self.path = path
        self._layout = layout
        with _saying_what_is_broken(path):
            self._size = max(1, path.stat().st_size)
        self._raw: IO[bytes] | None = None
        self._read_bytes = 0

    def columns(self) -> list[str]:
        with _saying_what_is_broken(self.path), self._open() as text:
            return self._header(text)[0]

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(_LONGEST_FIELD)
        with self._open() as text:
            with _saying_what_is_broken(self.path):
                columns, delimiter = self._header(text)
            reader = csv.reader(self._lines(text), delimiter=delimiter)
            number = 0
            while True:
                try:
                    fields = next(reader)
                except StopIteration:
                    break
                except csv.Error as broken:
                    number += 1
                    yield Row(number, reader.line_num + 1, {}, str(broken))
                    continue
                if not fields:
                    continue
                number += 1
                # the header took line 1
                line = reader.line_num + 1
                if len(fields) == len(columns):
                    yield Row(number, line, dict(zip(columns, fields, strict=True)))
                else:
                    yield Row(number, line, {}, f"has {len(fields)} columns, the header has {len(columns)}")
        self._read_bytes = self._size

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        with _saying_what_is_broken(self.path, ", read in part,"):
            yield from text

    def share_read(self) -> float:
        if self._raw is not None and not self._raw.closed:
            self._read_bytes = self._raw.tell()
        return min(1.0, self._read_bytes / self._size)

    def _open(self) -> io.TextIOWrapper:
        with _saying_what_is_broken(self.path):
            self._raw = self.path.open("rb")
        content: Any = gzip.GzipFile(fileobj=self._raw) if self.path.name.endswith(".gz") else self._raw
        try:
            # bytes that are not text survive as surrogates, so that the row they stand in can be reported
            return _Closing(content, self._raw, self._layout.encoding)
        except LookupError:
            self._raw.close()
            raise MappingError(f"csv.encoding: {self._layout.encoding!r} is none; use utf-8 or latin-1") from None

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


class _Closing(io.TextIOWrapper):
    """Text over a possibly compressed file; closing it closes the file below too."""

    def __init__(self, content: Any, raw: IO[bytes], encoding: str) -> None:
        super().__init__(content, encoding=encoding, errors="surrogateescape", newline="")
        self._below = raw

    def close(self) -> None:
        super().close()
        self._below.close()


class ParquetRows:
    """A Parquet file, read in slices."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _saying_what_is_broken(path):
            self._frame = pl.scan_parquet(path)
        self._count = 0
        self._read = 0

    def columns(self) -> list[str]:
        with _saying_what_is_broken(self.path):
            return list(self._frame.collect_schema().names())

    def rows(self) -> Iterator[Row]:
        with _saying_what_is_broken(self.path):
            self._count = int(self._frame.select(pl.len()).collect().item())
        self._read = 0
        while self._read < self._count:
            with _saying_what_is_broken(self.path, ", read in part,"):
                part = self._frame.slice(self._read, PARQUET_ROWS).collect()
            for values in part.iter_rows(named=True):
                self._read += 1
                yield Row(self._read, self._read, values)

    def share_read(self) -> float:
        return self._read / self._count if self._count else 0.0
