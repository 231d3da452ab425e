"""The producer's ledger: one line per delivery report, what the broker acknowledged and under which offset."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fraud_stream.errors import LedgerError
from fraud_stream.offset_ranges import OffsetRanges

HEADER = "partition,offset,id"


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
