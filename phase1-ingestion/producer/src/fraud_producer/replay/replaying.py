"""A file as a stream of events: payments in the file's order, labels when their delay has passed."""

import csv
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TextIO

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.errors import BadRowError, MappingError
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.replay.mapping import Mapping
from fraud_producer.replay.parsing import ParsedRow, RowError, RowParser, shown
from fraud_producer.replay.row import Row
from fraud_producer.replay.rows import open_rows
from fraud_producer.simulator.config import DAY_US

ERROR_COLUMNS: Final = ("line", "field", "value", "reason")
# Words of a column that a message shows.
_EXAMPLES: Final = 3
_REPORT_EVERY: Final = 2000


@dataclass(slots=True)
class FileSpan:
    """What a pass over a file saw: good and bad rows, the span of event times, rows older than one before them."""

    rows: int = 0
    bad_rows: int = 0
    out_of_order: int = 0
    first_us: int | None = None
    last_us: int | None = None
    # where the newest rows begin that were asked to be held back
    held_back_us: int | None = None
    # good rows of the whole file, and those that say whether they were fraud
    good_rows: int = 0
    judged_rows: int = 0
    # frauds of the pass that become known after it and have no label in it; None until the pass has ended
    labels_not_sent: int | None = None

    def note(self, event_us: int) -> None:
        """Count a good row."""
        self.rows += 1
        self.first_us = event_us if self.first_us is None else min(self.first_us, event_us)
        if self.last_us is not None and event_us < self.last_us:
            self.out_of_order += 1
        self.last_us = event_us if self.last_us is None else max(self.last_us, event_us)


@dataclass(frozen=True, slots=True, order=True)
class _Fraud:
    """A payment that will be known as fraud; in the order of that time."""

    known_us: int
    transaction_id: str
    event_us: int
    user_id: str
    merchant_id: str
    fraud_type: str

    def label(self) -> Event:
        # ids are at most 64 characters, so the label takes the payment's own: they are different topics
        record = {
            "label_id": self.transaction_id,
            "transaction_id": self.transaction_id,
            "event_time": self.known_us,
            "is_fraud": True,
            "user_id": self.user_id,
            "merchant_id": self.merchant_id,
            "transaction_time": self.event_us,
            "source": "CHARGEBACK",
            "fraud_type": self.fraud_type or None,
        }
        return Event(LABELS, self.known_us, self.transaction_id, self.transaction_id, record)


class _PendingLabels:
    """Frauds that are not known yet; those known before ``since`` are left out."""

    def __init__(self, since_us: int | None) -> None:
        self._since_us = since_us
        self._heap: list[_Fraud] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, fraud: _Fraud) -> None:
        if self._since_us is None or fraud.known_us >= self._since_us:
            heapq.heappush(self._heap, fraud)

    def known_until(self, moment_us: int) -> Iterator[Event]:
        while self._heap and self._heap[0].known_us <= moment_us:
            yield heapq.heappop(self._heap).label()


@dataclass(frozen=True, slots=True)
class Preview:
    """A row as it will be sent: its payment and the label that follows; or why it will not be."""

    row: Row
    payment: Event | None
    label: Event | None
    wrong: RowError | None = None


class FileReplay:
    """A file with its mapping. Reading it again gives the same events.

    Raises:
        MappingError: the mapping names columns that the file does not have, or the file cannot be read at all.
    """

    def __init__(self, path: Path, mapping: Mapping, hasher: CardHasher) -> None:
        self._mapping = mapping
        self._file = open_rows(path, mapping.csv)
        mapping.check_columns(self._file.columns(mapping.needed_columns()), path.name)
        self._parser = RowParser(mapping, path.name, hasher)

    def scan(
        self, hold_back: int = 0, *, strict: bool = False, report: Callable[[FileSpan], None] | None = None
    ) -> FileSpan:
        """Read the whole file once; ``hold_back`` asks where its newest so many rows begin.

        Raises:
            MappingError: the file is damaged somewhere, or its label column never says whether a payment was fraud.
            BadRowError: no row at all can be sent, or, where ``strict`` is asked for, one cannot.
        """
        span = FileSpan()
        newest: list[int] = []
        first = _FirstBadRow(self._file.path.name, stop=strict)
        for moment, _ in self._good_rows(span, first):
            span.note(moment)
            if report is not None and span.rows % _REPORT_EVERY == 0:
                report(span)
            if len(newest) < hold_back:
                heapq.heappush(newest, moment)
            elif hold_back:
                heapq.heappushpop(newest, moment)
        if span.bad_rows and not span.good_rows:
            raise BadRowError(f"none of {span.bad_rows:,} rows can be sent; the first: {first.sentence}")
        span.held_back_us = newest[0] if newest else None
        return span

    def preview(self, count: int) -> Iterator[Preview]:
        """The first rows, good and bad."""
        for row in islice(self._file.rows(), count):
            try:
                parsed = self._parser.parse(row)
            except RowError as wrong:
                yield Preview(row, None, None, wrong)
                continue
            label = self._fraud(parsed).label() if parsed.is_fraud else None
            yield Preview(row, _payment(parsed), label)

    def share_read(self) -> float:
        """How much of the file the current reading has behind it, 0 to 1."""
        return self._file.share_read()

    def events(
        self,
        span: FileSpan,
        errors: "BadRows | None" = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> Iterator[Event]:
        """Payments with ``since <= event time < until`` in the file's order, and labels known in the same span.

        A label is sent when a payment of its known time or later passes. Without ``until_us`` labels are sent as far
        as the file's newest payment. Those that become known later are counted at the end of the pass. ``span`` is
        filled while reading, ``errors`` takes the rows that cannot be sent.
        """
        labels = _PendingLabels(since_us)
        for moment, parsed in self._good_rows(span, errors):
            if until_us is not None and moment >= until_us:
                continue
            if parsed.is_fraud:
                labels.add(self._fraud(parsed))
            if since_us is not None and moment < since_us:
                continue
            span.note(moment)
            yield from labels.known_until(span.last_us or moment)
            yield _payment(parsed)
        yield from labels.known_until(until_us - 1 if until_us is not None else span.last_us or 0)
        span.labels_not_sent = len(labels)

    def _good_rows(self, span: FileSpan, errors: "BadRows | None" = None) -> Iterator[tuple[int, ParsedRow]]:
        """Event time and contents of each row that can be sent; the others are counted and written down.

        Raises:
            MappingError: the file ended, and its label column never said whether a payment was fraud.
        """
        unclear: dict[str, None] = {}
        for row in self._file.rows():
            try:
                parsed = self._parser.parse(row)
            except RowError as wrong:
                span.bad_rows += 1
                if errors is not None:
                    errors.write(row, wrong)
                continue
            span.good_rows += 1
            if parsed.is_fraud is not None:
                span.judged_rows += 1
            elif self._mapping.label is not None and len(unclear) < _EXAMPLES:
                unclear[shown(row.values.get(self._mapping.label.column))] = None
            yield parsed.record["event_time"], parsed
        label = self._mapping.label
        if label is not None and span.good_rows and not span.judged_rows:
            raise MappingError(
                f"label.column: {self._file.path.name} never says in {label.column!r} whether a payment was fraud: it "
                f"holds {', '.join(map(repr, unclear))}, none of which is in label.fraud_values "
                f"({', '.join(label.fraud_values)}) or label.honest_values ({', '.join(label.honest_values)}); "
                "write its words there, or leave label out"
            )

    def _fraud(self, parsed: ParsedRow) -> _Fraud:
        record, label = parsed.record, self._mapping.label
        delay_us = 0 if label is None else round(label.delay_days * DAY_US)
        return _Fraud(
            record["event_time"] + delay_us,
            *(record["transaction_id"], record["event_time"], record["user_id"], record["merchant_id"]),
            parsed.fraud_type or "",
        )


def _payment(parsed: ParsedRow) -> Event:
    record = parsed.record
    return Event(TRANSACTIONS, record["event_time"], record["transaction_id"], record["user_id"], record)


class BadRows(Protocol):
    """Takes the rows that cannot be sent."""

    def write(self, row: Row, wrong: RowError) -> None:
        """One such row."""


class _FirstBadRow:
    """Remembers the first bad row, or stops at it."""

    def __init__(self, file: str, *, stop: bool) -> None:
        self._file = file
        self._stop = stop
        self.sentence = ""

    def write(self, row: Row, wrong: RowError) -> None:
        if self.sentence:
            return
        value = f" {wrong.value!r}" if wrong.value else ""
        self.sentence = f"{self._file} line {row.line}: {wrong.field}{value} {wrong.reason}"
        if self._stop:
            raise BadRowError(f"{self.sentence}; nothing was sent: correct it, or leave out --strict")


class ErrorFile:
    """Rows that could not be sent, as CSV; the file is made when there is one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "ErrorFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: Row, wrong: RowError) -> None:
        """Write down one row."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
            csv.writer(self._file, lineterminator="\n").writerow(ERROR_COLUMNS)
        csv.writer(self._file, lineterminator="\n").writerow((row.line, wrong.field, wrong.value, wrong.reason))
