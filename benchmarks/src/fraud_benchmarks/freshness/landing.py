"""A stretch of traffic through a running Bronze writer: how old each message was when readers could see it."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from fraud_benchmarks.bronze_writer import BronzeWriter
from fraud_benchmarks.freshness.commits import CommitWatch, Coordinates
from fraud_benchmarks.freshness.sender import Sender

# A message that is not visible by then is lost.
PATIENCE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Landing:
    """Seconds from acknowledgement to visibility of each message, and those that never or more than once came."""

    seconds: list[float]
    lost: int
    duplicated: int
    commits: int


def land(writer: BronzeWriter, sender: Sender, per_second: float, seconds: float) -> Landing:
    """Send for so long, wait until all of it is visible, and compare what came with what was acknowledged."""
    stream = writer.payments
    watch = CommitWatch(writer.s3, writer.layout.bucket, stream.table_key)
    watch.start()
    try:
        sender.send(per_second, seconds)
        found = _await(watch, sender)
    finally:
        watch.stop()
    return landing(sender.acknowledged_at, found, watch.seen_at)


def landing(
    acknowledged_at: dict[Coordinates, float], found: list[tuple[int, Coordinates]], seen_at: dict[int, float]
) -> Landing:
    """Compare acknowledgements with the rows of commits, given as (version, coordinates)."""
    times = Counter(coordinates for _, coordinates in found)
    first: dict[Coordinates, float] = {}
    for version, coordinates in found:
        first[coordinates] = min(seen_at[version], first.get(coordinates, seen_at[version]))
    waited = [first[each] - moment for each, moment in acknowledged_at.items() if each in first]
    return Landing(
        seconds=waited,
        lost=len(acknowledged_at) - len(waited),
        # what nobody was told of was sent twice by the client
        duplicated=sum(count - 1 for count in times.values()) + len(first.keys() - acknowledged_at.keys()),
        commits=len({version for version, _ in found}),
    )


def _await(watch: CommitWatch, sender: Sender) -> list[tuple[int, Coordinates]]:
    """The rows of every commit, once as many as were sent are there or patience is at its end."""
    found: list[tuple[int, Coordinates]] = []
    read: set[int] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < sender.sent and time.monotonic() < deadline:
        for version in sorted(watch.seen_at.keys() - read):
            found += [(version, coordinates) for coordinates in watch.messages(version)]
            read.add(version)
        time.sleep(_LOOK_SECONDS)
    return found
