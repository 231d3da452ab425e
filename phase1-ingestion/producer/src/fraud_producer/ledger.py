"""The ledger: what became of every message, in files that outlive the process.

``<directory>/<topic>/<run>.csv`` holds a line for each message that the broker acknowledged: partition, offset and id;
``<directory>/<topic>/<run>.reconciled.csv`` those that a later run found at the broker although no report had come.
``<directory>/undelivered/<run>.csv`` names everything else, and ``<directory>/runs`` the runs under way and those that
ended without knowing.
"""

import time
from pathlib import Path
from typing import Final, Self

from fraud_contracts import LedgerFiles, new_run_id
from fraud_producer.runs import OpenRun, TopicStart
from fraud_producer.undelivered import Outcome, Undelivered

# Lines reach the operating system at least this often; what a killed producer knew beyond, the broker tells.
FLUSH_LINES: Final = 2000
FLUSH_SECONDS: Final = 0.5


class Ledger:
    """Writes one run's delivery reports."""

    def __init__(self, directory: Path, run_id: str | None = None) -> None:
        self.directory = directory
        self.run_id = run_id or new_run_id()
        self._files = LedgerFiles(directory, self.run_id)
        self._unwritten = 0
        self._flushed_at = time.monotonic()
        self._undelivered = Undelivered(directory, self.run_id)
        self._run: OpenRun | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, starts: dict[str, TopicStart]) -> None:
        """Note where the topics ended before the first message: a run that is killed is looked for from there on."""
        self._run = OpenRun.begin(self.directory, self.run_id, starts)

    def path(self, topic: str) -> Path:
        """This run's file of a topic."""
        return self._files.path(topic)

    def acknowledge(self, topic: str, partition: int, offset: int, event_id: str) -> None:
        """Write down that the broker holds a message."""
        self._files.acknowledge(topic, partition, offset, event_id)
        self._unwritten += 1

    def give_up(self, topic: str, key: str, event_id: str, outcome: Outcome, reason: str) -> None:
        """Write down, at once, that an event was not acknowledged and why."""
        self._undelivered.add(topic, key, event_id, outcome, reason)

    def flush_if_due(self) -> None:
        """Hand lines to the operating system when enough of them or enough time has passed."""
        due = time.monotonic() - self._flushed_at >= FLUSH_SECONDS
        if self._unwritten and (due or self._unwritten >= FLUSH_LINES):
            self._flush()

    def close(self) -> None:
        """Write everything to disk and close the files; the run stays noted as open while events are unknown."""
        self._files.close()
        self._unwritten = 0
        self._undelivered.close()
        if self._run is not None:
            self._run.end(is_known=not self._undelivered.has_unknown)
            self._run = None

    def _flush(self) -> None:
        self._files.flush()
        self._unwritten = 0
        self._flushed_at = time.monotonic()
