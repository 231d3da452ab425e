"""Promise P1: what was produced is in Bronze or in quarantine, each message once, and nothing else is.

Four witnesses are compared as sets of offsets, per topic and partition: the producer's delivery reports (ledger), the
broker, Bronze and quarantine. No count can hide a loss behind a duplicate.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fraud_stream.broker import Broker
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.ledger import read_ledger
from fraud_stream.offset_ranges import OffsetRanges
from fraud_stream.streams import Stream

POLL_SECONDS = 2.0
EXAMPLES = 5
_RUNBOOK: Final = "docs/runbooks/ConservationBroken.md"
# Every way in which the promise can be broken: what it means and what to do about it.
BREACHES: Final = {
    "missing": f"sent, but in neither Bronze nor quarantine: make kafka-lag shows what is not read yet; {_RUNBOOK}",
    "duplicated": f"in one table, or in the ledger, more than once: {_RUNBOOK}",
    "overlap": f"in Bronze and in quarantine: {_RUNBOOK}",
    "unexplained": (
        "in no producer's ledger: make ledger completes that of a producer that was killed; what stays was written "
        f"by somebody else, or its ledger is gone; {_RUNBOOK}"
    ),
}

Occurrences = Mapping[int, OffsetRanges]


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """The verdict on one partition; every count is a number of messages."""

    partition: int
    produced: int
    broker_begin: int
    broker_end: int
    bronze: int
    quarantine: int
    # acknowledged (whether the broker still knows of it or not), held by the broker, or between two that landed, but in
    # no table
    missing: OffsetRanges
    # in one table, or in the ledger, more than once
    duplicated: OffsetRanges
    duplicated_rows: int
    # in Bronze and in quarantine
    overlap: OffsetRanges
    # on the broker or in a table, but acknowledged to no producer that keeps a ledger
    unexplained: OffsetRanges

    @property
    def holds(self) -> bool:
        return not self.breaches()

    def breaches(self) -> dict[str, OffsetRanges]:
        """The offsets that break the promise, by their kind in :data:`BREACHES`."""
        return {name: found for name in BREACHES if (found := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class TopicAudit:
    """The verdict on one topic: the sum of its partitions."""

    topic: str
    partitions: tuple[PartitionAudit, ...]

    @property
    def holds(self) -> bool:
        return all(partition.holds for partition in self.partitions)

    def total(self, field: str) -> int:
        """Sum over the partitions of a count, or of the sizes of a set."""
        values = (getattr(partition, field) for partition in self.partitions)
        return sum(value if isinstance(value, int) else len(value) for value in values)

    def as_json(self) -> dict[str, Any]:
        sums = ("produced", "bronze", "quarantine", "missing", "overlap", "unexplained")
        return {
            **{name: self.total(name) for name in sums},
            "duplicated": self.total("duplicated_rows"),
            "holds": self.holds,
            "partitions": [
                {
                    "partition": one.partition,
                    "produced": one.produced,
                    "broker_begin": one.broker_begin,
                    "broker_end": one.broker_end,
                    "bronze": one.bronze,
                    "quarantine": one.quarantine,
                    "duplicated": one.duplicated_rows,
                    "holds": one.holds,
                    "examples": {name: found.first(EXAMPLES) for name, found in one.breaches().items()},
                }
                for one in self.partitions
            ],
        }


def audit_partition(
    partition: int,
    broker: tuple[int, int],
    later_end: int,
    *,
    ledger: Occurrences,
    bronze: Occurrences,
    quarantine: Occurrences,
) -> PartitionAudit:
    """Compare the four witnesses of one partition.

    The tables and the ledger map a number of occurrences to the offsets that occur so often. ``broker`` is the range
    of offsets held when the audit began; what arrived since is left to the next one. ``later_end`` is the broker's end
    after the others were asked: a row beyond it nobody sent, and what was acknowledged beyond it the broker has lost.
    """
    begin, end = broker
    witnesses = (ledger, bronze, quarantine)
    given_out = OffsetRanges.of_ranges([(0, max(end, later_end))])
    forgotten, *strangers = (_all_below(found, sys.maxsize) - given_out for found in witnesses)
    forgotten -= strangers[0] | strangers[1]
    acknowledged, in_bronze, in_quarantine = (_all_below(found, end) for found in witnesses)
    held = OffsetRanges.of_ranges([(begin, end)])
    landed = in_bronze | in_quarantine
    # What retention removed before it was read leaves a hole, whoever sent it and whether it kept a ledger or not.
    spanned = OffsetRanges.of_ranges((first, landed.ranges[-1][1]) for first in landed.first(1))
    repeated = OffsetRanges()
    for found in witnesses:
        for times, offsets in found.items():
            if times > 1:
                repeated |= offsets.below(end)
    return PartitionAudit(
        partition=partition,
        produced=_rows(ledger, end) + len(forgotten),
        broker_begin=begin,
        broker_end=end,
        bronze=_rows(bronze, end),
        quarantine=_rows(quarantine, end),
        missing=((acknowledged | held | spanned) - landed) | forgotten,
        duplicated=repeated,
        duplicated_rows=sum(
            _rows(found, end) - len(unique)
            for found, unique in ((ledger, acknowledged), (bronze, in_bronze), (quarantine, in_quarantine))
        ),
        overlap=in_bronze & in_quarantine,
        unexplained=((landed | held) - acknowledged) | strangers[0] | strangers[1],
    )


@dataclass(frozen=True, slots=True)
class Auditor:
    """Collects the witnesses' statements."""

    broker: Broker
    lakehouse: Lakehouse
    ledger_dir: Path
    quarantine_table: str
    # appended to the Bronze tables' names: audits a copy instead of the table itself
    table_suffix: str = ""

    def audit(self, streams: Sequence[Stream], wait_seconds: float) -> list[TopicAudit]:
        """Audit every stream as of the broker's end now, giving what is on its way ``wait_seconds`` to arrive."""
        deadline = time.monotonic() + wait_seconds
        ends = {stream.topic: self.broker.offsets(stream.topic) for stream in streams}
        while True:
            audits = [self._audit_topic(stream, ends[stream.topic]) for stream in streams]
            if all(audit.holds for audit in audits) or time.monotonic() >= deadline:
                return audits
            time.sleep(POLL_SECONDS)

    def _audit_topic(self, stream: Stream, broker: Mapping[int, tuple[int, int]]) -> TopicAudit:
        bronze = self.lakehouse.landed_offsets(stream.topic, stream.table + self.table_suffix)
        quarantine = self.lakehouse.landed_offsets(stream.topic, self.quarantine_table)
        ledger = read_ledger(self.ledger_dir, stream.topic)
        # asked last: an offset that the others know and the broker still does not is a stranger, not a newcomer
        later_ends = self.broker.end_offsets(stream.topic)
        return TopicAudit(
            stream.topic,
            tuple(
                audit_partition(
                    partition,
                    broker.get(partition, (0, 0)),
                    later_ends.get(partition, 0),
                    ledger=ledger.get(partition, {}),
                    bronze=bronze.get(partition, {}),
                    quarantine=quarantine.get(partition, {}),
                )
                for partition in sorted({*broker, *bronze, *quarantine, *ledger})
            ),
        )


def _all_below(found: Occurrences, end: int) -> OffsetRanges:
    return OffsetRanges.of_ranges(span for offsets in found.values() for span in offsets.ranges).below(end)


def _rows(found: Occurrences, end: int) -> int:
    return sum(times * len(offsets.below(end)) for times, offsets in found.items())
