"""Rows of a CSV, Parquet or NDJSON file, one after another in bounded memory."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, Protocol

from fraud_producer.errors import MappingError
from fraud_producer.replay.csv_rows import CsvRows
from fraud_producer.replay.json_rows import JsonRows
from fraud_producer.replay.mapping import CsvFormat
from fraud_producer.replay.parquet_rows import ParquetRows
from fraud_producer.replay.row import Row

_CSV: Final = (".csv", ".tsv", ".txt")
_JSON: Final = (".ndjson", ".jsonl", ".json")
_PARQUET: Final = (".parquet", ".pq")


class RowFile(Protocol):
    """A file that can be read from the beginning any number of times."""

    path: Path

    def columns(self, wanted: Collection[str]) -> list[str]:
        """Names of the columns; a file without a header is read on until the wanted ones have appeared."""

    def rows(self) -> Iterator[Row]:
        """All rows in the order of the file."""

    def share_read(self) -> float:
        """How much of the file the current reading has behind it, 0 to 1."""


def open_rows(path: Path, layout: CsvFormat) -> RowFile:
    """The reader for a file, by its name's ending.

    Raises:
        MappingError: the ending says none of the formats, or the file cannot be opened.
    """
    name = path.name.lower()
    text = name.removesuffix(".gz")
    if text.endswith(_CSV):
        return CsvRows(path, layout)
    if text.endswith(_JSON):
        return JsonRows(path)
    if name.endswith(_PARQUET):
        return ParquetRows(path)
    raise MappingError(
        f"{path.name}: only {', '.join(_CSV + _JSON)} (also .gz) and .parquet can be read; convert it first"
    )
