"""Events that the broker did not acknowledge: one line each, with the outcome and the reason."""

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

FOLDER: Final = "undelivered"
COLUMNS: Final = ("topic", "key", "id", "outcome", "reason")


class Outcome(StrEnum):
    """What became of an event that was not acknowledged."""

    # the broker does not hold it
    FAILED = "failed"
    # no report came: it may be there
    UNKNOWN = "unknown"
    # it could not be sent as it is; the dead letter topic holds it with the reason
    DEAD_LETTER = "dead_letter"
    # unknown at first; a later run found it at the broker, or found that it is not there
    ARRIVED = "arrived"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One line of the file."""

    topic: str
    key: str
    event_id: str
    outcome: Outcome
    reason: str


class Undelivered:
    """One run's ``<directory>/undelivered/<run id>.csv``; made with its first line."""

    def __init__(self, directory: Path, run_id: str) -> None:
        self.path = directory / FOLDER / f"{run_id}.csv"
        self.has_unknown = False
        self._file: TextIO | None = None
        self._writer: Any = None

    def add(self, topic: str, key: str, event_id: str, outcome: Outcome, reason: str) -> None:
        """Write a line; it reaches the operating system at once."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            self._file = self.path.open("a", encoding="utf-8", newline="", errors="backslashreplace")
            self._writer = csv.writer(self._file, lineterminator="\n")
            if is_new:
                self._writer.writerow(COLUMNS)
        self._writer.writerow((topic, key, event_id, outcome.value, reason))
        self._file.flush()
        self.has_unknown |= outcome is Outcome.UNKNOWN

    def close(self) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def read(self) -> list[GivenUp]:
        """The lines so far; a last one that a killed process left in part is not there."""
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8")
        rows = csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
        next(rows, None)
        return [
            GivenUp(topic, key, event_id, Outcome(outcome), reason) for topic, key, event_id, outcome, reason in rows
        ]

    def settle(self, has_arrived: Callable[[GivenUp], bool | None]) -> tuple[int, int]:
        """Replace every unknown outcome by what is known now; returns how many arrived and how many did not.

        An event of which ``has_arrived`` says None stays unknown.
        """
        lines = self.read()
        arrived = absent = 0
        draft = self.path.with_suffix(f".{os.getpid()}")
        if not any(line.outcome is Outcome.UNKNOWN for line in lines):
            return 0, 0
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for line in lines:
                outcome = line.outcome
                if outcome is Outcome.UNKNOWN and (fate := has_arrived(line)) is not None:
                    outcome = Outcome.ARRIVED if fate else Outcome.ABSENT
                    arrived += outcome is Outcome.ARRIVED
                    absent += outcome is Outcome.ABSENT
                writer.writerow((line.topic, line.key, line.event_id, outcome.value, line.reason))
        draft.replace(self.path)
        return arrived, absent
