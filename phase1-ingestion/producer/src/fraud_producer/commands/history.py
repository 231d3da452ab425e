"""Commands that fill the topics with history."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer.commands.options import (
    Customers,
    FraudRate,
    Seed,
    last_full_hour_us,
    moment_us,
    simulation_config,
)
from fraud_producer.continuation import continue_simulation
from fraud_producer.errors import SourceError
from fraud_producer.events import Event, iso
from fraud_producer.feeding import feed, summary
from fraud_producer.ledger import Ledger, new_run_id
from fraud_producer.producer import EventProducer
from fraud_producer.progress import progress
from fraud_producer.replay import FileReplay, FileSpan, load_mapping
from fraud_producer.replay.replaying import ErrorFile
from fraud_producer.settings import Settings, load_settings
from fraud_producer.simulator.config import DAY_US, DEFAULT_PER_DAY
from fraud_producer.source import FileSource, is_complete, write_source
from fraud_producer.stopping import Stop
from fraud_producer.topics import Topics


def simulate(
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 60,
    end: Annotated[str | None, typer.Option(help="Where history ends, ISO 8601. [default: the last full hour]")] = None,
    start: Annotated[str | None, typer.Option(help="Where it begins; instead of --days.")] = None,
    transactions: Annotated[int | None, typer.Option(min=1, help="Payments in all. [default: 5000 a day]")] = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """Produce simulated history as fast as possible: payments, and the labels known before its end.

    Running it again goes on where the topics end, without a gap and without a repetition.
    """
    settings = load_settings()
    end_us = moment_us(end, "--end") if end else last_full_hour_us()
    start_us = moment_us(start, "--start") if start else end_us - days * DAY_US
    if start_us >= end_us:
        raise typer.BadParameter(f"history begins at {iso(start_us)}, not before its end {iso(end_us)}")
    per_day = DEFAULT_PER_DAY if transactions is None else transactions * DAY_US / (end_us - start_us)
    wanted = simulation_config(
        settings, start_us, per_day=per_day, customers=customers, seed=seed, fraud_rate=fraud_rate
    )
    continuation = continue_simulation(settings, wanted, exactly=True)
    first_us = continuation.world.config.start_us
    stop = Stop()
    stop.install()
    begun = time.monotonic()
    with Ledger(settings.fraud_producer_ledger_dir) as ledger:
        with _producer(settings, ledger) as producer, progress("history") as report:

            def say(event: Event, sent: int) -> None:
                share = (event.event_us - first_us) / (end_us - first_us)
                report(share, f"{sent:,} messages, {iso(event.event_us)[:10]}")

            sent = feed(producer, continuation.events(end_us), stop, say)
            report(1.0, f"{sent:,} messages")
        line = summary(
            producer.deliveries,
            ledger.run_id,
            time.monotonic() - begun,
            start=iso(first_us),
            end=iso(end_us),
            seed=wanted.seed,
            customers=wanted.customers,
            interrupted=stop.requested,
        )
    typer.echo(line)
    producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    write_source(settings.fraud_producer_ledger_dir, continuation.world.config, complete=True)
    if not sent:
        typer.echo(f"{TRANSACTIONS.name} reaches {iso(end_us)} already: nothing was sent", err=True)


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (also .gz) or Parquet.")],
    mapping: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Which column of the file is what.")],
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
    read once before: what is wrong with it as a whole is said before anything is sent.
    """
    settings = load_settings()
    layout = load_mapping(mapping)
    contents = FileReplay(file, layout, settings.card_hasher())
    if not append:
        _require_empty(settings)
    until_us = moment_us(until, "--until") if until else None
    whole = contents.scan(hold_back)
    if whole.held_back_us is not None:
        if whole.rows <= hold_back:
            raise SourceError(
                f"{file.name} has {whole.rows:,} payments that can be sent, and holding back {hold_back:,} leaves no "
                "history: hold back fewer, or use a longer file"
            )
        until_us = whole.held_back_us if until_us is None else min(until_us, whole.held_back_us)
    source = FileSource(
        str(file.resolve()),
        str(mapping.resolve()),
        until_us,
        label_delay_days=None if layout.label is None else layout.label.delay_days,
    )
    write_source(settings.fraud_producer_ledger_dir, source, complete=False)
    stop = Stop()
    stop.install()
    begun = time.monotonic()
    span, run_id = FileSpan(), new_run_id()
    errors_path = errors or settings.fraud_producer_ledger_dir.parent / "errors" / f"{file.name}.{run_id}.csv"
    with Ledger(settings.fraud_producer_ledger_dir, run_id) as ledger, ErrorFile(errors_path) as bad:
        with _producer(settings, ledger) as producer, progress(file.name) as report:

            def say(event: Event, sent: int) -> None:
                day = iso(event.event_us)[:10]
                report(contents.share_read(), f"{sent:,} messages, {day}, {span.bad_rows} bad rows")

            sent = feed(producer, contents.events(span, bad, until_us=until_us), stop, say)
            report(1.0, f"{sent:,} messages, {span.bad_rows} bad rows")
        line = summary(
            producer.deliveries,
            run_id,
            time.monotonic() - begun,
            rows=span.rows,
            bad_rows=span.bad_rows,
            out_of_order=span.out_of_order,
            errors_file=str(errors_path) if span.bad_rows else None,
            held_back_from=None if until_us is None else iso(until_us),
            interrupted=stop.requested,
        )
    if span.bad_rows:
        typer.echo(f"{span.bad_rows} of {span.rows + span.bad_rows} rows were not sent: see {errors_path}", err=True)
    typer.echo(line)
    producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    done = replace(source, held_back=whole.rows - span.rows)
    write_source(settings.fraud_producer_ledger_dir, done, complete=True)


def _producer(settings: Settings, ledger: Ledger) -> EventProducer:
    return EventProducer(settings.kafka_bootstrap_servers, settings.schema_registry_url, ledger)


def _require_empty(settings: Settings) -> None:
    states = {state.name: state.messages for state in Topics(settings.kafka_bootstrap_servers).describe()}
    broke_off = is_complete(settings.fraud_producer_ledger_dir) is False
    what = "messages of a history that broke off before its end" if broke_off else "messages"
    for topic in RAW_TOPICS:
        if states.get(topic.name):
            raise SourceError(
                f"{topic.name} holds {states[topic.name]:,} {what}: start over with FRESH=1 or `make clean`, "
                "or send the file after them with --append"
            )
