"""Runs that are under way, and runs that ended without knowing what became of their last messages.

A run writes ``<directory>/runs/<run id>.json`` before its first message and holds a lock on it; the operating system
gives the lock back however the process ends. A clean end deletes the file.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from fraud_producer.errors import LedgerError

FOLDER: Final = "runs"


@dataclass(frozen=True, slots=True)
class TopicStart:
    """A topic as a run found it: the field that holds its events' ids, and each partition's end offset."""

    id_field: str
    ends: dict[int, int]


class OpenRun:
    """This process's run while it sends."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def begin(cls, directory: Path, run_id: str, starts: dict[str, TopicStart]) -> Self:
        """Write a run down and lock it; begun again, under the same name, it keeps its first starts."""
        path = directory / FOLDER / f"{run_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.tell() == 0:
            topics = {
                name: {"id_field": start.id_field, "ends": {str(key): value for key, value in start.ends.items()}}
                for name, start in starts.items()
            }
            file.write(json.dumps({"topics": topics}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return cls(path, file)

    def end(self, *, is_known: bool) -> None:
        """Give the lock back; nothing is left to look for when every message's fate is known."""
        if is_known:
            self._path.unlink(missing_ok=True)
        self._file.close()


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run of a process that is no more."""

    run_id: str
    starts: dict[str, TopicStart]
    path: Path


@contextmanager
def unfinished_runs(directory: Path) -> Iterator[list[UnfinishedRun]]:
    """The unfinished runs, locked against others that look at the same time; ``path`` is deleted once one is settled.

    Raises:
        LedgerError: a run's file cannot be understood.
    """
    held: list[IO[str]] = []
    found = []
    try:
        for path in sorted((directory / FOLDER).glob("*.json")):
            file = _locked(path)
            if file is not None:
                held.append(file)
                found.append(UnfinishedRun(path.stem, _starts(path, file.read()), path))
        yield found
    finally:
        for file in held:
            file.close()


def _locked(path: Path) -> IO[str] | None:
    """The open file with its lock; None where its run is alive, or where another process has just settled it."""
    try:
        file = path.open(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    if not path.exists():
        file.close()
        return None
    return file


def _starts(path: Path, text: str) -> dict[str, TopicStart]:
    if not text:
        return {}  # killed before it had written, so before it had sent
    try:
        topics: dict[str, Any] = json.loads(text)["topics"]
        return {
            name: TopicStart(start["id_field"], {int(key): int(value) for key, value in start["ends"].items()})
            for name, start in topics.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise LedgerError(
            f"{path} is broken ({broken}): delete it; the messages of that run that are in no ledger stay unexplained"
        ) from broken
