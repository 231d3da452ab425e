"""Text files, plain or gzip, read once from the beginning, and what is said of damaged ones."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl

from fraud_producer.errors import MappingError


@contextmanager
def saying_what_is_broken(path: Path, where: str = "") -> Iterator[None]:
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


class TextFile:
    """A text file that is opened any number of times; its name says whether it is compressed."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self._encoding = encoding
        with saying_what_is_broken(path):
            self._size = max(1, path.stat().st_size)
        self._raw: IO[bytes] | None = None
        self._read_bytes = 0

    def open(self) -> io.TextIOWrapper:
        """The text from its beginning, line ends as they are.

        Bytes that are not text survive as surrogates, so that the row they stand in can be reported.
        """
        with saying_what_is_broken(self.path):
            self._raw = self.path.open("rb")
        content: Any = gzip.GzipFile(fileobj=self._raw) if self.path.name.lower().endswith(".gz") else self._raw
        try:
            return _Closing(content, self._raw, self._encoding)
        except LookupError:
            self._raw.close()
            raise MappingError(f"csv.encoding: {self._encoding!r} is none; use utf-8 or latin-1") from None

    def lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        """The lines of an opened text."""
        with saying_what_is_broken(self.path, ", read in part,"):
            yield from text
        self._read_bytes = self._size

    def share_read(self) -> float:
        """How much of the file the current reading has behind it, 0 to 1."""
        if self._raw is not None and not self._raw.closed:
            self._read_bytes = self._raw.tell()
        return min(1.0, self._read_bytes / self._size)


class _Closing(io.TextIOWrapper):
    """Text over a possibly compressed file; closing it closes the file below too."""

    def __init__(self, content: Any, raw: IO[bytes], encoding: str) -> None:
        super().__init__(content, encoding=encoding, errors="surrogateescape", newline="")
        self._below = raw

    def close(self) -> None:
        super().close()
        self._below.close()
