"""The producer's ledger: one line per delivery report, what the broker acknowledged and under which offset."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from fraud_stream.errors import LedgerError
from fraud_stream.offset_ranges import OffsetRanges

HEADER = "partition,offset,id"


def new_run_id() -> str:
    """A name for a run's files: that it redrives, when it began, its process and something random."""
    return f"redrive-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"


class LedgerWriter:
    """Adds what this room produces itself, redriven messages, to the ledger: ``<folder>/<topic>/<run>.csv``."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder = folder
        self.run = run
        self._files: dict[str, TextIO] = {}

    def acknowledge(self, topic: str, partition: int, offset: int, event_id: str) -> None:
        """Write down that the broker holds a message; it is safe once :meth:`sync` has returned."""
        if topic not in self._files:
            path = self.folder / topic / f"{self.run}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a", encoding="utf-8")
            if file.tell() == 0:
                file.write(f"{HEADER}\n")
            self._files[topic] = file
        self._files[topic].write(f"{partition},{offset},{event_id}\n")

    def sync(self) -> None:
        """Bring everything to the disk."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Bring everything to the disk and close the files."""
        self.sync()
        for file in self._files.values():
            file.close()
        self._files.clear()


def read_ledger(folder: Path, topic: str) -> dict[int, dict[int, OffsetRanges]]:
    """Acknowledged offsets of a topic by partition and by how many lines name them: ``{partition: {times: set}}``.

    Reads ``<folder>/<topic>/*.csv``. A last line that is still being written counts as not there yet.

    Raises:
        LedgerError: a file is not a ledger.
    """
    lines: dict[int, Counter[int]] = {}
    for path in sorted((folder / topic).glob("*.csv")):
        for partition, offset in _entries(path):
            lines.setdefault(partition, Counter())[offset] += 1
    return {partition: _by_times(offsets) for partition, offsets in lines.items()}


def _by_times(offsets: Counter[int]) -> dict[int, OffsetRanges]:
    grouped: dict[int, list[int]] = {}
    for offset, times in offsets.items():
        grouped.setdefault(times, []).append(offset)
    return {times: OffsetRanges.of_offsets(found) for times, found in grouped.items()}


def _entries(path: Path) -> Iterator[tuple[int, int]]:
    text = path.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1].splitlines()
    if not complete:
        return
    if complete[0] != HEADER:
        raise LedgerError(f"{path} is not a producer ledger: its first line must be {HEADER!r}")
    for number, line in enumerate(complete[1:], start=2):
        try:
            partition, offset, _ = line.split(",", 2)
            yield int(partition), int(offset)
        except ValueError:
            raise LedgerError(f"{path} line {number} is not {HEADER!r}: {line!r}") from None
