"""The ledger: which messages the broker acknowledged, under which offset, in files that outlive the process.

``<folder>/<topic>/<run>.csv`` has a header and a line for each message: partition, offset and id. Whoever produces to a
raw topic writes one; conservation compares them with what Bronze holds.
"""

import csv
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

LEDGER_HEADER: Final = "partition,offset,id\n"


class LedgerFormatError(ValueError):
    """A file is not a ledger; the text names it and its line."""


def new_run_id(prefix: str = "") -> str:
    """A name for one run's files: when it began, its process and something random."""
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"


def ledger_line(partition: int, offset: int, event_id: str) -> str:
    """One line of a ledger file, with its end."""
    text = f'"{event_id.replace(chr(34), chr(34) * 2)}"' if _needs_quotes(event_id) else event_id
    return f"{partition},{offset},{text}\n"


def read_ledger_file(path: Path) -> Iterator[tuple[int, int, str]]:
    """Partition, offset and id of each line of a ledger file; a last line that is still being written is not there.

    Raises:
        LedgerFormatError: it is not a ledger.
    """
    with path.open(encoding="utf-8", newline="\n") as file:
        header = file.readline()
        if not header.endswith("\n"):
            return
        if header != LEDGER_HEADER:
            raise LedgerFormatError(f"{path} is not a ledger: its first line must be {LEDGER_HEADER.rstrip()!r}")
        rows = csv.reader(line for line in file if line.endswith("\n"))
        for row in rows:
            try:
                partition, offset, event_id = row
                yield int(partition), int(offset), event_id
            except ValueError:
                line = rows.line_num + 1
                raise LedgerFormatError(f"{path} line {line} is not {LEDGER_HEADER.rstrip()!r}: {row!r}") from None


class LedgerFiles:
    """Writes one run's files, each of them made with its first line."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder = folder
        self.run_id = run_id
        self._files: dict[str, TextIO] = {}

    def path(self, topic: str) -> Path:
        """This run's file of a topic."""
        return self.folder / topic / f"{self.run_id}.csv"

    def acknowledge(self, topic: str, partition: int, offset: int, event_id: str) -> None:
        """Write down that the broker holds a message; it is safe once ``sync`` has returned."""
        file = self._files.get(topic) or self._open(topic)
        file.write(ledger_line(partition, offset, event_id))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        for file in self._files.values():
            file.flush()

    def sync(self) -> None:
        """Bring everything to the disk."""
        self.flush()
        for file in self._files.values():
            os.fsync(file.fileno())

    def close(self) -> None:
        """Bring everything to the disk and close the files."""
        self.sync()
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _open(self, topic: str) -> TextIO:
        path = self.path(topic)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", newline="")
        if file.tell() == 0:
            file.write(LEDGER_HEADER)
        self._files[topic] = file
        return file


def _needs_quotes(text: str) -> bool:
    return any(character in text for character in ',"\r\n')
