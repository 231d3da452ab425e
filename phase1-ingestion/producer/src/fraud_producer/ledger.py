"""The ledger: which message the broker acknowledged at which partition and offset, one line each."""

import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self, TextIO

from fraud_contracts import Topic

HEADER: Final = "partition,offset,id\n"
# Lines reach the operating system at least this often, so that a killed producer leaves what it knew.
FLUSH_LINES: Final = 2000
FLUSH_SECONDS: Final = 0.5


def new_run_id() -> str:
    """A name for this run's files: when it began, its process and something random."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"


class Ledger:
    """Appends delivery reports to ``<directory>/<topic>/<run id>.csv``."""

    def __init__(self, directory: Path, run_id: str | None = None) -> None:
        self._directory = directory
        self.run_id = run_id or new_run_id()
        self._files: dict[str, TextIO] = {}
        self._unwritten = 0
        self._flushed_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, topic: Topic) -> Path:
        """This run's file of a topic."""
        return self._directory / topic.name / f"{self.run_id}.csv"

    def acknowledge(self, topic: Topic, partition: int, offset: int, event_id: str) -> None:
        """Write down that the broker holds a message."""
        file = self._files.get(topic.name) or self._open(topic)
        text = f'"{event_id.replace(chr(34), chr(34) * 2)}"' if _needs_quotes(event_id) else event_id
        file.write(f"{partition},{offset},{text}\n")
        self._unwritten += 1

    def flush_if_due(self) -> None:
        """Hand lines to the operating system when enough of them or enough time has passed."""
        due = time.monotonic() - self._flushed_at >= FLUSH_SECONDS
        if self._unwritten and (due or self._unwritten >= FLUSH_LINES):
            self._flush()

    def close(self) -> None:
        """Write everything to disk and close the files."""
        self._flush()
        for file in self._files.values():
            os.fsync(file.fileno())
            file.close()
        self._files.clear()

    def _open(self, topic: Topic) -> TextIO:
        path = self.path(topic)
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        file = path.open("a", encoding="utf-8", newline="")
        if is_new:
            file.write(HEADER)
        self._files[topic.name] = file
        return file

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()
        self._unwritten = 0
        self._flushed_at = time.monotonic()


def _needs_quotes(text: str) -> bool:
    return any(character in text for character in ',"\r\n')
