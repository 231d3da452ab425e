"""Somebody's file as the events of a history."""

from collections.abc import Iterator
from pathlib import Path

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.transforms.timeline import NOBODYS_CARDS
from fraud_producer.events import Event
from fraud_producer.replay.mapping import load_mapping
from fraud_producer.replay.replaying import FileReplay, FileSpan


class FileEvents:
    """What ``fraud-producer replay`` sends of a file; handed out once, as a whole.

    Raises:
        MappingError: the mapping does not fit the file.
    """

    def __init__(self, path: Path, mapping: Path) -> None:
        self._file = FileReplay(path, load_mapping(mapping), NOBODYS_CARDS)
        self.span = FileSpan()

    def until(self, moment_us: int) -> Iterator[Event]:
        """All events before a moment.

        Raises:
            BenchmarkError: they were handed out before, or a row cannot be sent.
        """
        if self.span.rows:
            raise BenchmarkError("the file was sent already")
        yield from self._file.events(self.span, until_us=moment_us)
        if self.span.bad_rows:
            raise BenchmarkError(f"{self.span.bad_rows:,} rows of the file cannot be sent")
