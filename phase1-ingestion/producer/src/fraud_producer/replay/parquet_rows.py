"""Rows of a Parquet file."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from fraud_producer.replay.row import Row
from fraud_producer.replay.text_files import saying_what_is_broken

# Rows in memory at a time.
PARQUET_ROWS: Final = 20_000


class ParquetRows:
    """A Parquet file, read in slices."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with saying_what_is_broken(path):
            self._frame = pl.scan_parquet(path)
        self._count = 0
        self._read = 0

    def columns(self, wanted: Collection[str]) -> list[str]:  # noqa: ARG002 - the schema names all of them
        with saying_what_is_broken(self.path):
            return list(self._frame.collect_schema().names())

    def rows(self) -> Iterator[Row]:
        with saying_what_is_broken(self.path):
            self._count = int(self._frame.select(pl.len()).collect().item())
        self._read = 0
        while self._read < self._count:
            with saying_what_is_broken(self.path, ", read in part,"):
                part = self._frame.slice(self._read, PARQUET_ROWS).collect()
            for values in part.iter_rows(named=True):
                self._read += 1
                yield Row(self._read, self._read, values)

    def share_read(self) -> float:
        return self._read / self._count if self._count else 0.0
