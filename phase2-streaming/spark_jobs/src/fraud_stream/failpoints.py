"""Points at which the Bronze writer can be told to die, so that tests see every state that a kill can leave behind.

Nothing is armed unless ``BRONZE_FAILPOINT`` names a point: ``quarantine-written``, or ``quarantine-written:3`` for the
third time that it is reached. Between two neighbouring points a kill leaves what it leaves at the first of them.
"""

import os
import signal
import threading
from dataclasses import dataclass, field
from enum import StrEnum, unique


@unique
class Failpoint(StrEnum):
    """Every point, in the order in which a writer's life comes to them."""

    # the lease names a driver that has no JVM yet
    LEASE_TAKEN = "lease-taken"
    # the JVM runs, and the lease does not name it yet
    SPARK_STARTED = "spark-started"
    # at the first start: some tables are there, others are not
    TABLE_CREATED = "table-created"
    # at the first start: some checkpoints are there, others are not
    QUERY_STARTED = "query-started"
    # Spark has written down the offsets of the batch, nothing of it has landed
    BATCH_PLANNED = "batch-planned"
    # the good rows have landed, those that are set aside are nowhere
    BRONZE_WRITTEN = "bronze-written"
    DEAD_LETTERS_SENT = "dead-letters-sent"
    # all of the batch has landed, and its commit record is missing
    QUARANTINE_WRITTEN = "quarantine-written"
    # a commit that belongs to no batch came after it
    BRONZE_COMPACTED = "bronze-compacted"
    # and such a one in the table that all streams share
    QUARANTINE_COMPACTED = "quarantine-compacted"
    # maintenance, beside the batches: small files are folded, the old ones are still there
    TABLE_COMPACTED = "table-compacted"
    # old files are gone, old log entries are not
    TABLE_VACUUMED = "table-vacuumed"
    # asked to stop: the lease is held and nobody writes
    QUERIES_STOPPED = "queries-stopped"
    # the JVM is gone, the lease names it still
    SESSION_ENDED = "session-ended"


@dataclass(slots=True)
class Trigger:
    """A point and how often it has yet to be reached, the last time included."""

    point: Failpoint
    times: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fires(self, point: Failpoint) -> bool:
        """Whether this is the time; several queries come to the same point."""
        if point is not self.point:
            return False
        with self.lock:
            self.times -= 1
            return self.times == 0


_armed: Trigger | None = None


def parse(text: str) -> Trigger:
    """Read ``point`` or ``point:times``.

    Raises:
        ValueError: there is no such point, or ``times`` is not a number from 1.
    """
    name, colon, times = text.partition(":")
    if name not in list(Failpoint):
        raise ValueError(f"there is no such point; the points are {', '.join(Failpoint)}")
    if colon and not (times.isascii() and times.isdigit() and int(times)):
        raise ValueError(f"which time is meant is a number from 1: {name}:2 is the second")
    return Trigger(Failpoint(name), int(times or 1))


def arm(text: str) -> None:
    """Die at the point that ``text`` names; nothing happens when it is empty. To be called before Spark starts.

    Raises:
        ValueError: see :func:`parse`.
    """
    global _armed  # noqa: PLW0603 - one process, one failpoint
    _armed = parse(text) if text else None
    if _armed is not None and os.getpgrp() != os.getpid():
        # what is killed is the group, so it must hold nobody but this process and the JVM that it will start
        os.setpgid(0, 0)


def reach(point: Failpoint) -> None:
    """Die here if this point is armed: SIGKILL to the whole process group, as an operator's ``kill -9`` does it."""
    if _armed is not None and _armed.fires(point):
        os.killpg(os.getpgrp(), signal.SIGKILL)
