"""A file as a stream of events: payments in the file's order, labels when their delay has passed."""

import csv
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.errors import MappingError
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.replay.mapping import Mapping
from fraud_producer.replay.parsing import ParsedRow, RowError, RowParser, shown
from fraud_producer.replay.rows import open_rows
from fraud_producer.simulator.config import DAY_US

ERROR_COLUMNS: Final = ("line", "field", "value", "reason")
# Words of a column that a message shows.
_EXAMPLES: Final = 3


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

    def note(self, event_us: int) -> None:
        """Count a good row."""
        self.rows += 1
        self.first_us = event_us if self.first_us is None else min(self.first_us, event_us)
        if self.last_us is not None and event_us < self.last_us:
            self.out_of_order += 1
        self.last_us = event_us if self.last_us is None else max(self.last_us, event_us)


class _PendingLabels:
    """Labels that are not known yet, smallest known time first; those known before ``since_us`` are dropped."""

    def __init__(self, since_us: int | None) -> None:
        self._since_us = since_us
        self._heap: list[tuple[int, str, Event]] = []

    def add(self, label: Event | None) -> None:
        if label is not None and (self._since_us is None or label.event_us >= self._since_us):
            heapq.heappush(self._heap, (label.event_us, label.event_id, label))

    def known_until(self, moment_us: int) -> Iterator[Event]:
        while self._heap and self._heap[0][0] <= moment_us:
            yield heapq.heappop(self._heap)[2]


class FileReplay:
    """A file with its mapping. Reading it again gives the same events.

    Raises:
        MappingError: the mapping names columns that the file does not have, or the file cannot be read at all.
    """

    def __init__(self, path: Path, mapping: Mapping, hasher: CardHasher) -> None:
        self._mapping = mapping
        self._file = open_rows(path, mapping.csv)
        mapping.check_columns(self._file.columns(), path.name)
        self._parser = RowParser(mapping, path.name, hasher)

    def scan(self, hold_back: int = 0) -> FileSpan:
        """Read the whole file once; ``hold_back`` asks where its newest so many rows begin.

        Raises:
            MappingError: the file is damaged somewhere, or its label column never says whether a payment was fraud.
        """
        span = FileSpan()
        newest: list[int] = []
        for moment, _ in self._good_rows(span):
            span.note(moment)
            if len(newest) < hold_back:
                heapq.heappush(newest, moment)
            elif hold_back:
                heapq.heappushpop(newest, moment)
        span.held_back_us = newest[0] if newest else None
        return span

    def share_read(self) -> float:
        """How much of the file the current reading has behind it, 0 to 1."""
        return self._file.share_read()

    def events(
        self,
        span: FileSpan,
        errors: "ErrorFile | None" = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> Iterator[Event]:
        """Payments with ``since <= event time < until`` in the file's order, and labels known in the same span.

        A label is sent when a payment of its known time or later passes. Without ``until_us`` labels are sent as far
        as the file's newest payment. ``span`` is filled while reading, ``errors`` takes the rows that cannot be sent.
        """
        labels = _PendingLabels(since_us)
        for moment, parsed in self._good_rows(span, errors):
            if until_us is not None and moment >= until_us:
                continue
            if parsed.is_fraud:
                labels.add(self._label(parsed.record, parsed.fraud_type))
            if since_us is not None and moment < since_us:
                continue
            span.note(moment)
            yield from labels.known_until(span.last_us or moment)
            yield Event(TRANSACTIONS, moment, parsed.record["transaction_id"], parsed.record["user_id"], parsed.record)
        yield from labels.known_until(until_us - 1 if until_us is not None else span.last_us or 0)

    def _good_rows(self, span: FileSpan, errors: "ErrorFile | None" = None) -> Iterator[tuple[int, ParsedRow]]:
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
                    errors.write(row.line, wrong)
                continue
            span.good_rows += 1
            if parsed.is_fraud is not None:
                span.judged_rows += 1
            elif self._mapping.label is not None and len(unclear) < _EXAMPLES:
                unclear[shown(row.values[self._mapping.label.column])] = None
            yield parsed.record["event_time"], parsed
        label = self._mapping.label
        if label is not None and span.good_rows and not span.judged_rows:
            raise MappingError(
                f"label.column: {self._file.path.name} never says in {label.column!r} whether a payment was fraud: it "
                f"holds {', '.join(map(repr, unclear))}, none of which is in label.fraud_values "
                f"({', '.join(label.fraud_values)}) or label.honest_values ({', '.join(label.honest_values)}); "
                "write its words there, or leave label out"
            )

    def _label(self, record: dict[str, Any], fraud_type: str | None) -> Event | None:
        layout = self._mapping.label
        if layout is None:
            return None
        known_us = record["event_time"] + round(layout.delay_days * DAY_US)
        # ids are at most 64 characters, so the label takes the payment's own: they are different topics
        label_id = record["transaction_id"]
        return Event(
            LABELS,
            known_us,
            label_id,
            record["transaction_id"],
            {
                "label_id": label_id,
                "transaction_id": record["transaction_id"],
                "event_time": known_us,
                "is_fraud": True,
                "user_id": record["user_id"],
                "merchant_id": record["merchant_id"],
                "transaction_time": record["event_time"],
                "source": "CHARGEBACK",
                "fraud_type": fraud_type,
            },
        )


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

    def write(self, line: int, wrong: RowError) -> None:
        """Write down one row."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
            csv.writer(self._file, lineterminator="\n").writerow(ERROR_COLUMNS)
        csv.writer(self._file, lineterminator="\n").writerow((line, wrong.field, wrong.value, wrong.reason))
