"""The command that sends somebody's own payments."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud_contracts import RAW_TOPICS, new_run_id
from fraud_producer.commands.options import moment_us
from fraud_producer.commands.sending import sending, watchable
from fraud_producer.errors import BadRowError, SourceError
from fraud_producer.events import Event, iso
from fraud_producer.feeding import feed
from fraud_producer.message_ranges import offset_limits
from fraud_producer.progress import Report, progress
from fraud_producer.replay import FileReplay, FileSpan, load_mapping
from fraud_producer.replay.dry_run import rows_as_sent
from fraud_producer.replay.journal import Journal, digest
from fraud_producer.replay.mapping import Mapping
from fraud_producer.replay.replaying import ErrorFile
from fraud_producer.replay.resuming import Delivered, require_held
from fraud_producer.replay.speed import at_speed
from fraud_producer.settings import Settings, load_settings
from fraud_producer.source import FileSource, read_source, write_source
from fraud_producer.stopping import Stop
from fraud_producer.topics import Topics

_REPORT_SECONDS: Final = 0.2
_SHOWN_ROWS: Final = 5
MAX_SPEED: Final = "max"


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or NDJSON (also .gz), or Parquet.")],
    mapping: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Which column of the file is what.")],
    speed: Annotated[
        str, typer.Option(help="Seconds of the payments' own time that pass in one second, like 60; or max.")
    ] = MAX_SPEED,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the first rows as they will be sent; needs no Kafka.")
    ] = False,
    rows: Annotated[
        int | None, typer.Option(min=1, help=f"With --dry-run: how many rows, {_SHOWN_ROWS} unless given.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Send nothing at all when a row cannot be sent.")] = False,
    until: Annotated[str | None, typer.Option(help="Leave out payments from this time on, ISO 8601.")] = None,
    hold_back: Annotated[
        int, typer.Option(min=0, help="Keep the newest N payments back; `traffic` and `live` send them later.")
    ] = 0,
    errors: Annotated[
        Path | None, typer.Option(help="Where rows that cannot be sent are written. [default: beside the ledger]")
    ] = None,
    append: Annotated[bool, typer.Option(help="Send although the topics hold payments already.")] = False,
) -> None:
    """Produce the payments of a file as history, and their labels once the mapping's delay has passed.

    A row that cannot be sent is written to the errors file with line, field, value and reason, and counted. The file is
    read once before: what is wrong with it as a whole is said before anything is sent. Run again after it was killed,
    the command goes on where the broker's messages end.
    """
    factor = _factor(speed)
    if rows is not None and not dry_run:
        raise typer.BadParameter("it has no meaning without --dry-run", param_hint="--rows")
    settings = load_settings()
    layout = load_mapping(mapping)
    contents = FileReplay(file, layout, settings.card_hasher())
    if dry_run:
        _show(contents, rows or _SHOWN_ROWS, strict=strict)
        return
    until_us = moment_us(until, "--until") if until else None
    name = digest(file, mapping, until_us, hold_back)
    with watchable(settings), Journal(settings.fraud_producer_ledger_dir, file.resolve(), name) as journal:
        if not journal.broke_off:
            if not append:
                _require_empty(settings)
            journal.start_over()
        _send(settings, journal, contents, layout, mapping, until_us, hold_back, errors, factor, strict=strict)


def labels_left_out(count: int, until_us: int | None) -> str:
    """What is said of labels that were not sent because they become known too late."""
    if until_us is None:
        return f"{count:,} labels become known after the file's last payment and were not sent"
    return (
        f"{count:,} labels become known from {iso(until_us)} on and were not sent: "
        "those known by the file's last payment belong to the rows that were kept back"
    )


def _factor(speed: str) -> float | None:
    """None for as fast as possible."""
    if speed == MAX_SPEED:
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise typer.BadParameter(f"{speed!r} is no factor: use a number like 60, or max", param_hint="--speed")
    return factor


def _show(contents: FileReplay, count: int, *, strict: bool) -> None:
    good = bad = 0
    for row in rows_as_sent(contents, count):
        typer.echo(json.dumps(row))
        if "reason" not in row:
            good += 1
            continue
        bad += 1
        if strict:
            raise BadRowError(f"line {row['line']}: {row['field']} {row['value']!r} {row['reason']}")
    typer.echo(f"{good} rows can be sent, {bad} cannot; nothing was sent", err=True)


def _send(
    settings: Settings,
    journal: Journal,
    contents: FileReplay,
    layout: Mapping,
    mapping: Path,
    until_us: int | None,
    hold_back: int,
    errors: Path | None,
    factor: float | None,
    *,
    strict: bool,
) -> None:
    file, ledger_dir = journal.file, settings.fraud_producer_ledger_dir
    _scan(journal, contents, hold_back, strict=strict)
    whole = journal.state
    if whole.held_back_us is not None:
        if whole.rows <= hold_back:
            raise SourceError(
                f"{file.name} has {whole.rows:,} payments that can be sent, and holding back {hold_back:,} leaves no "
                "history: hold back fewer, or use a longer file"
            )
        until_us = whole.held_back_us if until_us is None else min(until_us, whole.held_back_us)
    source = FileSource(
        str(file),
        str(mapping.resolve()),
        until_us,
        label_delay_days=None if layout.label is None else layout.label.delay_days,
    )
    write_source(ledger_dir, source, complete=False)
    span, run_id, earlier = FileSpan(), new_run_id(), whole.runs
    errors_path = errors or ledger_dir.parent / "errors" / f"{file.name}.{run_id}.csv"
    journal.begin(run_id)
    with Stop() as stop, sending(settings, run_id) as run, ErrorFile(errors_path) as bad, progress(file.name) as report:
        delivered, partitions = _delivered(settings, earlier)
        coming = _watched(contents.events(span, bad, until_us=until_us), contents, span, report)
        coming = delivered.left(coming, partitions)
        if factor is not None:
            coming = at_speed(coming, factor, stop, run.producer.poll)
        feed(run.producer, coming, stop)
        report(contents.share_read() if stop.requested else 1.0, f"{span.rows:,} rows, {span.bad_rows} bad rows")
    line = run.summary(
        rows=span.rows,
        sent_before=delivered.total,
        bad_rows=span.bad_rows,
        out_of_order=span.out_of_order,
        labels_not_sent=span.labels_not_sent,
        errors_file=str(errors_path) if span.bad_rows else None,
        held_back_from=None if until_us is None else iso(until_us),
        interrupted=stop.requested,
    )
    if span.bad_rows:
        typer.echo(f"{span.bad_rows} of {span.rows + span.bad_rows} rows were not sent: see {errors_path}", err=True)
    if span.labels_not_sent:
        typer.echo(labels_left_out(span.labels_not_sent, until_us), err=True)
    typer.echo(line)
    run.producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    write_source(ledger_dir, replace(source, held_back=whole.rows - span.rows), complete=True)
    journal.finish()


def _scan(journal: Journal, contents: FileReplay, hold_back: int, *, strict: bool) -> None:
    """Read the whole file once, unless an earlier run did."""
    if journal.state.is_scanned and not (strict and journal.state.bad_rows):
        return
    with progress(f"checking {journal.file.name}") as report:
        found = contents.scan(
            hold_back,
            strict=strict,
            report=lambda span: report(contents.share_read(), f"{span.rows:,} rows, {span.bad_rows} bad rows"),
        )
        report(1.0, f"{found.rows:,} rows, {found.bad_rows} bad rows")
    journal.scanned(found.rows, found.bad_rows, found.held_back_us)


def _delivered(settings: Settings, runs: tuple[str, ...]) -> tuple[Delivered, dict[str, int]]:
    """What earlier runs of this replay delivered, and the partitions of each topic.

    The ledger is whole: the producer that was opened before has reconciled it.
    """
    topics = Topics(settings.kafka_bootstrap_servers)
    partitions = {topic.name: topics.partitions(topic.name) for topic in RAW_TOPICS}
    delivered = Delivered.read(settings.fraud_producer_ledger_dir, runs)
    if delivered.total:
        counts = {name: range(count) for name, count in partitions.items()}
        require_held(delivered, offset_limits(settings.kafka_bootstrap_servers, counts))
        typer.echo(f"going on after {delivered.total:,} messages that were sent before", err=True)
    return delivered, partitions


def _watched(events: Iterable[Event], contents: FileReplay, span: FileSpan, report: Report) -> Iterator[Event]:
    """The events, while the progress is shown."""
    begun = said = time.monotonic()
    for event in events:
        now = time.monotonic()
        if now - said >= _REPORT_SECONDS:
            said = now
            rate = span.rows / (now - begun)
            text = f"{span.rows:,} rows, {iso(event.event_us)[:10]}, {rate:,.0f} rows/s, {span.bad_rows} bad rows"
            report(contents.share_read(), text)
        yield event


def _require_empty(settings: Settings) -> None:
    topics = Topics(settings.kafka_bootstrap_servers)
    partitions = {topic.name: range(topics.partitions(topic.name)) for topic in RAW_TOPICS}
    limits = offset_limits(settings.kafka_bootstrap_servers, partitions)
    before = read_source(settings.fraud_producer_ledger_dir)
    broke_off = before is not None and not before.complete
    what = "messages of a history that broke off before its end" if broke_off else "messages"
    for topic, held in limits.items():
        if count := sum(end - begin for begin, end in held.values()):
            raise SourceError(
                f"{topic} holds {count:,} {what}: start over with FRESH=1 or `make clean`, "
                "or send the file after them with --append"
            )
