"""Making the ledger whole again after a run that could not finish it: the broker knows what arrived.

Every message carries the name of its run in a header. What lies at the broker at an offset that no ledger names, and
carries the name of a run that is no more, is that run's: it is added with the id that the message itself holds.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Message

from fraud_contracts import LEDGER_HEADER, LedgerFormatError, ledger_line, read_ledger_file
from fraud_producer.avro import Decoder
from fraud_producer.errors import LedgerError, TopicError
from fraud_producer.message_ranges import Ranges, offset_limits, read_ranges
from fraud_producer.registry import Registry
from fraud_producer.runs import TopicStart, UnfinishedRun, unfinished_runs
from fraud_producer.undelivered import Undelivered

log = logging.getLogger(__name__)

RUN_HEADER: Final = "run"
# The ending of the files that hold what was found at the broker.
RECONCILED: Final = ".reconciled.csv"
# Ids have at most 64 characters.
_LONGEST_LINE: Final = 4096


@dataclass(slots=True)
class Reconciled:
    """What was found out about one run: messages added to the ledger by topic, and the fate of its unknown events."""

    run_id: str
    added: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    absent: int = 0


def reconcile(directory: Path, bootstrap_servers: str, registry_url: str) -> list[Reconciled]:
    """Settle every run that ended without knowing; runs that are under way are left alone.

    Raises:
        LedgerError: a run's file cannot be understood.
        UnreachableError: the broker or the registry does not answer.
    """
    with unfinished_runs(directory) as runs:
        return [_settle(run, directory, bootstrap_servers, registry_url) for run in runs]


def _settle(run: UnfinishedRun, directory: Path, bootstrap_servers: str, registry_url: str) -> Reconciled:
    found = Reconciled(run.run_id)
    arrived: set[tuple[str, str]] = set()
    gone: set[str] = set()
    with Registry(registry_url) as registry:
        decoder = Decoder(registry.schema_text)
        for topic, start in run.starts.items():
            cut_broken_line(directory / topic / f"{run.run_id}.csv")
            try:
                limits = offset_limits(bootstrap_servers, {topic: start.ends})[topic]
            except TopicError as absent:
                # nobody will ever know more, and whoever wants to send elsewhere must not wait for it
                gone.add(topic)
                log.warning("run %s: what it left open on %s cannot be settled: %s", run.run_id, topic, absent)
                continue
            holes = holes_of(directory / topic, start, limits)
            lines = []
            for message in read_ranges(bootstrap_servers, topic, holes):
                if not _is_of(message, run.run_id):
                    continue
                event_id = _event_id(message, decoder, start.id_field)
                arrived.add((topic, event_id))
                lines.append(ledger_line(message.partition() or 0, message.offset() or 0, event_id))
            if lines:
                _add(directory / topic / f"{run.run_id}{RECONCILED}", lines)
                found.added[topic] = len(lines)
    given_up = Undelivered(directory, run.run_id)
    found.arrived, found.absent = given_up.settle(
        lambda line: None if line.topic in gone else (line.topic, line.event_id) in arrived
    )
    run.path.unlink()
    log.info(
        "run %s ended without its last reports: %d messages were found at the broker and added to the ledger; of its "
        "unknown events %d arrived and %d did not",
        *(found.run_id, found.added.total(), found.arrived, found.absent),
    )
    return found


def covered(folder: Path, since: dict[int, int] | None = None) -> dict[int, Ranges]:
    """Offsets that the ledgers of a topic name, as ascending ranges ``[start, end)`` by partition.

    ``since`` leaves out what lies before an offset of each partition.
    """
    spans: dict[int, Ranges] = {}
    for path in sorted(folder.glob("*.csv")):
        for partition, offset, _ in read_lines(path):
            if since is not None and offset < since.get(partition, 0):
                continue
            ranges = spans.setdefault(partition, [])
            if ranges and ranges[-1][1] == offset:
                ranges[-1] = (ranges[-1][0], offset + 1)
            else:
                ranges.append((offset, offset + 1))
    return {partition: _merged(ranges) for partition, ranges in spans.items()}


def read_lines(path: Path) -> Iterator[tuple[int, int, str]]:
    """Partition, offset and id of each line of a ledger file; a last line written in part is not there.

    Raises:
        LedgerError: it is not a ledger.
    """
    try:
        yield from read_ledger_file(path)
    except LedgerFormatError as wrong:
        raise LedgerError(str(wrong)) from wrong


def holes_of(folder: Path, start: TopicStart, limits: dict[int, tuple[int, int]]) -> dict[int, Ranges]:
    """Offsets of a topic since a run began that no ledger names, as far as the broker still holds them."""
    named = covered(folder, start.ends)
    holes: dict[int, Ranges] = {}
    for partition, begin in start.ends.items():
        low, end = limits[partition]
        at = max(begin, low)
        for first, after in [*named.get(partition, []), (end, end)]:
            if at < min(first, end):
                holes.setdefault(partition, []).append((at, min(first, end)))
            at = max(at, after)
    return holes


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: Ranges = []
    for first, after in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], after))
        else:
            merged.append((first, after))
    return merged


def _is_of(message: Message, run_id: str) -> bool:
    # as a list of pairs, although the stubs allow a mapping too
    headers: Any = message.headers() or []
    return (RUN_HEADER, run_id.encode()) in headers


def _event_id(message: Message, decoder: Decoder, id_field: str) -> str:
    return str(decoder.decode(message.value() or b"")[id_field])


def cut_broken_line(path: Path) -> None:
    """Drop a last line that was written in part: the broker tells it in whole."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - _LONGEST_LINE))
        file.truncate(start + file.read().rfind(b"\n") + 1)


def _add(path: Path, lines: list[str]) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else LEDGER_HEADER
    draft = path.with_suffix(f".{os.getpid()}")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(before + "".join(lines), encoding="utf-8", newline="")
    draft.replace(path)
