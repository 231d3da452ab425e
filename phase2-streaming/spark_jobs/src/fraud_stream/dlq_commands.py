"""``fraud-stream dlq``: what to do about messages that did not belong in Bronze."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from fraud_contracts import LedgerFiles, new_run_id
from fraud_stream.broker import Broker
from fraud_stream.console import console
from fraud_stream.coordinates import Coordinates
from fraud_stream.dispositions import Dispositions
from fraud_stream.errors import SelectionError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.quarantine_audit import AuditLog
from fraud_stream.quarantine_reader import Quarantine, ReasonCount, Selection
from fraud_stream.redrive import Decider, Decisions
from fraud_stream.registration import require_tables
from fraud_stream.settings import QuarantineSettings, RedriveSettings, load
from fraud_stream.streams import Layout

MAX_LIMIT = 10_000

app = typer.Typer(no_args_is_help=True, help="Messages that did not belong in Bronze, and what becomes of them.")

Why = Annotated[str, typer.Option(help="Your reason; it is kept in the audit log with your name and the time.")]
Topic = Annotated[str | None, typer.Option(help="Only this topic.")]
Reason = Annotated[str | None, typer.Option(help="Only messages with this reason.")]
Since = Annotated[str | None, typer.Option(help="Received at or after this time, such as 2026-10-01T12:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Received before this time.")]
At = Annotated[list[str] | None, typer.Option("--at", help="Only this one, as topic-partition-offset; repeatable.")]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="The oldest so many.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Also what a process on another machine began: it is gone for certain.")
]


@app.command("list")
def list_reasons(topic: Topic = None, reason: Reason = None, since: Since = None, until: Until = None) -> None:
    """How many messages, by topic and reason, and how many of them wait for a decision."""
    selection = _selection(topic, reason, since, until, None)
    with _open(load(QuarantineSettings), "") as opened:
        counts = opened.quarantine.counts(selection)
    console.print(_count_table(counts))


@app.command()
def show(
    why: Why,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    at: At = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 20,
) -> None:
    """Messages in clear, one JSON object a line (key and payload as hex), and what has become of each."""
    selection = _selection(topic, reason, since, until, at)
    settings = load(QuarantineSettings)
    with _open(settings, why) as opened:
        found = opened.quarantine.messages(selection, settings.quarantine_key_bytes, limit)
        known = opened.dispositions.of([message.coordinates for message in found])
    AuditLog(settings.audit_log, why, selection.as_json()).write("show", (message.coordinates for message in found))
    for message in found:
        disposition = known[message.coordinates]
        typer.echo(
            json.dumps(
                {
                    "topic": message.coordinates.topic,
                    "partition": message.coordinates.partition,
                    "offset": message.coordinates.offset,
                    "received_at": message.kafka_timestamp,
                    "schema_id": message.schema_id,
                    "reasons": message.reasons,
                    "disposition": disposition.end,
                    "to_offset": disposition.to_offset,
                    "key": None if message.key is None else message.key.hex(),
                    "payload": None if message.payload is None else message.payload.hex(),
                }
            )
        )


@app.command()
def redrive(
    why: Why,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    at: At = None,
    limit: Limit = 100,
    take_over: TakeOver = False,
) -> None:
    """Send undecided messages to their topic again, oldest first; each lands once, however often this is repeated."""
    selection = _selection(topic, reason, since, until, at)
    settings = load(RedriveSettings)
    with _deciding(settings, why, selection, take_over) as (decider, opened):
        wanted = _wanted(opened.quarantine, selection, limit)
        done = decider.redrive(wanted, settings.quarantine_key_bytes)
    _report(done)


@app.command()
def discard(
    why: Why,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    at: At = None,
    limit: Limit = 100,
    take_over: TakeOver = False,
) -> None:
    """Mark undecided messages as handled, oldest first; they stay in quarantine, which is history."""
    selection = _selection(topic, reason, since, until, at)
    with _deciding(load(RedriveSettings), why, selection, take_over) as (decider, opened):
        done = decider.discard(_wanted(opened.quarantine, selection, limit))
    _report(done)


@dataclass(frozen=True, slots=True)
class _Opened:
    quarantine: Quarantine
    dispositions: Dispositions


@contextmanager
def _open(settings: QuarantineSettings, why: str) -> Iterator[_Opened]:
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        dispositions = Dispositions(lakehouse, layout, new_run_id("redrive-"), why)
        dispositions.prepare()
        yield _Opened(Quarantine(lakehouse, layout.quarantine_table, dispositions.table), dispositions)


@contextmanager
def _deciding(
    settings: RedriveSettings, why: str, selection: Selection, take_over: bool
) -> Iterator[tuple[Decider, _Opened]]:
    with _open(settings, why) as opened:
        ledger = LedgerFiles(settings.ledger_dir, opened.dispositions.run)
        try:
            yield (
                Decider(
                    quarantine=opened.quarantine,
                    dispositions=opened.dispositions,
                    audit=AuditLog(settings.audit_log, why, selection.as_json()),
                    broker=Broker(settings.kafka_bootstrap_servers),
                    bootstrap_servers=settings.kafka_bootstrap_servers,
                    ledger=ledger,
                    take_over=take_over,
                ),
                opened,
            )
        finally:
            ledger.close()


def _selection(
    topic: str | None, reason: str | None, since: str | None, until: str | None, at: list[str] | None
) -> Selection:
    coordinates = tuple(dict.fromkeys(Coordinates.parse(text) for text in at or ()))
    return Selection(topic, reason, _moment("--since", since), _moment("--until", until), coordinates)


def _moment(option: str, text: str | None) -> datetime | None:
    """A moment, in UTC where the text names no zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SelectionError(f"{option} {text!r} is not a time such as 2026-10-01T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wanted(quarantine: Quarantine, selection: Selection, limit: int) -> list[Coordinates]:
    """What a decision is wanted about: with --at exactly these, so that each one that is refused says why."""
    if not selection.coordinates:
        return quarantine.undecided(selection, limit)
    if absent := quarantine.absent(selection.coordinates):
        raise SelectionError(f"{absent[0]} is not in quarantine; `fraud-stream dlq list` says what is")
    return list(selection.coordinates)


def _report(done: Decisions) -> None:
    for at, offset in done.redriven.items():
        console.print(f"redriven {at} to offset {offset}")
    for at, offset in done.found.items():
        console.print(f"redriven {at} to offset {offset} (sent by an earlier run that did not come to say so)")
    for at in done.discarded:
        console.print(f"discarded {at}")
    for at, reason in done.refused.items():
        console.print(f"[yellow]left alone[/yellow] {at}: {reason}")
    redriven = len(done.redriven) + len(done.found)
    console.print(f"{redriven} redriven, {len(done.discarded)} discarded, {len(done.refused)} left alone")
    if done.refused:
        raise typer.Exit(1)


def _count_table(counts: list[ReasonCount]) -> Table:
    table = Table("topic", "reason", "messages", "undecided", "redriven", "discarded", "first", "last")
    for column in table.columns[2:6]:
        column.justify = "right"
    for one in counts:
        numbers = (one.messages, one.open, one.redriven, one.discarded)
        table.add_row(one.topic, one.reason, *map(str, numbers), one.first, one.last)
    return table
