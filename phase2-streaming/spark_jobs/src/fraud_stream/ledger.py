"""The producer's ledger: one line per delivery report, what the broker acknowledged and under which offset."""

from collections import Counter
from pathlib import Path

from fraud_contracts import LedgerFormatError, read_ledger_file
from fraud_stream.errors import LedgerError
from fraud_stream.offset_ranges import OffsetRanges


def read_ledger(folder: Path, topic: str) -> dict[int, dict[int, OffsetRanges]]:
    """Acknowledged offsets of a topic by partition and by how many lines name them: ``{partition: {times: set}}``.

    Reads ``<folder>/<topic>/*.csv``. A last line that is still being written counts as not there yet.

    Raises:
        LedgerError: a file is not a ledger.
    """
    lines: dict[int, Counter[int]] = {}
    for path in sorted((folder / topic).glob("*.csv")):
        try:
            for partition, offset, _ in read_ledger_file(path):
                lines.setdefault(partition, Counter())[offset] += 1
        except LedgerFormatError as wrong:
            raise LedgerError(str(wrong)) from wrong
    return {partition: _by_times(offsets) for partition, offsets in lines.items()}


def _by_times(offsets: Counter[int]) -> dict[int, OffsetRanges]:
    grouped: dict[int, list[int]] = {}
    for offset, times in offsets.items():
        grouped.setdefault(times, []).append(offset)
    return {times: OffsetRanges.of_offsets(found) for times, found in grouped.items()}
