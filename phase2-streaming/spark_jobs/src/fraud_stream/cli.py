"""Commands of this room."""

import json
import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from fraud_stream import dlq_commands
from fraud_stream.broker import Broker
from fraud_stream.conservation import BREACHES, Auditor, TopicAudit
from fraud_stream.console import console
from fraud_stream.data_quality import TableQuality, stale_lines, table_quality
from fraud_stream.errors import StreamError
from fraud_stream.freshness import REMEDY, PartitionLag, partition_lags, wait_until_fresh
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.lakehouse_maintenance import vacuum
from fraud_stream.model_pins import read_pins
from fraud_stream.quarantine_audit import AuditLog
from fraud_stream.registration import create_schemas, register_tables, require_tables
from fraud_stream.settings import (
    CatalogueSettings,
    LagExporterSettings,
    PlatformSettings,
    RestoreSettings,
    StartOverSettings,
    VacuumSettings,
    WriterSettings,
    load,
)
from fraud_stream.streams import Layout
from fraud_stream.validation import TopicState, validate_streams

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Kafka to Delta Bronze, and the proof of it.")
app.add_typer(dlq_commands.app, name="dlq")

Wait = Annotated[float, typer.Option(help="Seconds to wait for what is still on its way.")]


@app.command("bronze-writer")
def bronze_writer() -> None:
    """Land every raw topic in its Delta table until told to stop (SIGTERM, Ctrl-C)."""
    from fraud_stream import bronze_writer as writer

    _log_to_stderr()
    writer.run(load(WriterSettings))


@app.command("lag-exporter")
def lag_exporter() -> None:
    """Publish lag, freshness and row counts for Prometheus until told to stop (SIGTERM, Ctrl-C)."""
    from fraud_stream import lag_exporter as exporter

    _log_to_stderr()
    exporter.run(load(LagExporterSettings))


@app.command("register-tables")
def register(
    wait: Wait = 30,
    require: Annotated[bool, typer.Option("--require", help="Fail when a table does not exist in time.")] = False,
) -> None:
    """Make Trino know schemas bronze, silver and gold and the tables of Bronze; safe to repeat."""
    settings = load(CatalogueSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        create_schemas(lakehouse, layout.bucket)
        absent = register_tables(lakehouse, layout, wait)
    for table in layout.tables():
        console.print(f"bronze.{table}: {'no Delta table yet' if table in absent else 'registered'}")
    if absent:
        console.print("start the Bronze writer, it creates them; `fraud-stream freshness` registers them then")
        raise typer.Exit(1 if require else 0)


@app.command()
def freshness(wait: Wait = 60) -> None:
    """Fail when Kafka holds messages that Bronze should have had by now (bronze_freshness_check)."""
    settings = load(PlatformSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        lags, stale = wait_until_fresh(
            Broker(settings.kafka_bootstrap_servers),
            lakehouse,
            layout.streams,
            layout.quarantine_table,
            bound_seconds=settings.freshness_bound_seconds,
            wait_seconds=wait,
        )
    behind = sum(lag.lag for lag in lags)
    if stale:
        for partition in stale:
            console.print(f"[red]stale[/red] {partition}")
        console.print(REMEDY)
        raise typer.Exit(1)
    console.print(f"fresh: {len(lags)} partitions, {behind} messages still on their way")


@app.command()
def lag() -> None:
    """How far Bronze is behind the broker, for every partition of every topic."""
    settings = load(PlatformSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        lags = partition_lags(
            Broker(settings.kafka_bootstrap_servers), lakehouse, layout.streams, layout.quarantine_table
        )
    console.print(_lag_table(lags))


@app.command()
def conservation(
    wait: Wait = 60,
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write the verdict to this file.")] = None,
    ledger_dir: Annotated[Path | None, typer.Option(help="Ledger to compare with, instead of the producer's.")] = None,
    table_suffix: Annotated[str, typer.Option(help="Audit copies: the Bronze tables' names with this suffix.")] = "",
) -> None:
    """Prove that what was produced is in Bronze or quarantine, once; exit 1 when it does not hold."""
    settings = load(PlatformSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        auditor = Auditor(
            Broker(settings.kafka_bootstrap_servers),
            lakehouse,
            ledger_dir or settings.ledger_dir,
            layout.quarantine_table,
            table_suffix,
        )
        audits = auditor.audit(layout.streams, wait)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        verdict = {audit.topic: audit.as_json() for audit in audits}
        json_path.write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
    console.print(_conservation_table(audits))
    _print_examples(audits)
    if not all(audit.holds for audit in audits):
        raise typer.Exit(1)


@app.command("start-over")
def start_over(
    why: Annotated[str, typer.Option(help="Your reason; it is kept in the audit log with your name and the time.")],
) -> None:
    """Remove Bronze, quarantine and their checkpoints, so that the writer reads all topics from their beginning.

    Refused while the writer runs, and when the broker no longer holds all that the tables do.
    """
    from fraud_stream import object_store
    from fraud_stream.lease import Lease
    from fraud_stream.start_over import remove_tables_and_checkpoints, require_everything_on_the_broker

    settings = load(StartOverSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    s3 = object_store.connect(settings)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_everything_on_the_broker(Broker(settings.kafka_bootstrap_servers), lakehouse, layout)
        lease = Lease(s3, settings.s3_bucket, layout.lease_key)
        lease.acquire()
        try:
            AuditLog(settings.audit_log, why, {"namespace": layout.namespace}).write("start-over", ())
            removed = remove_tables_and_checkpoints(s3, lakehouse, layout)
        finally:
            lease.release()
    console.print(f"removed {', '.join(layout.tables())} and their checkpoints ({removed} objects)")
    console.print("start the Bronze writer: it reads every topic from its beginning")


@app.command("restore-checkpoint")
def restore_checkpoint(
    why: Annotated[str, typer.Option(help="Your reason; it is kept in the audit log with your name and the time.")],
) -> None:
    """Write lost or damaged checkpoints of the Bronze writer anew from what the tables hold; others stay as they are.

    Refused while the writer runs.
    """
    from fraud_stream.checkpoint_commands import restore_checkpoints

    _log_to_stderr()
    settings = load(RestoreSettings)
    restored = restore_checkpoints(settings, why)
    for stream, position in restored:
        ends = ", ".join(f"{partition}: {offset}" for partition, offset in position.ends.items())
        how = "after" if position.is_finished else "with"
        console.print(f"{stream.checkpoint_path}: goes on {how} batch {position.batch}, which ends at offsets {ends}")
    console.print(f"{len(restored)} checkpoints written anew" if restored else "every checkpoint fits its table")


@app.command("skip-lost")
def skip_lost(
    why: Annotated[str, typer.Option(help="Your reason; it is kept in the audit log with your name and the time.")],
) -> None:
    """Let the Bronze writer go on after messages that left their topic unread; refused while the writer runs."""
    from fraud_stream.checkpoint_commands import skip_lost_messages

    for one in skip_lost_messages(load(StartOverSettings), why):
        console.print(f"[red]lost[/red] {one}")
    console.print("the Bronze writer can go on with what the broker holds")


@app.command("vacuum")
def vacuum_tables() -> None:
    """Remove old files of the tables that Trino writes; what a registered model names stays (lakehouse_maintenance)."""
    settings = load(VacuumSettings)
    pins = read_pins(settings.mlflow_tracking_uri)
    with Lakehouse(settings.trino_url) as lakehouse:
        done = vacuum(lakehouse, pins, timedelta(days=settings.vacuum_retention_days))
    for one in done:
        console.print(f"{one.schema}.{one.table}: every version of the last {one.kept.days} days can be read")
        for version in one.lost:
            console.print(f"[yellow]gone[/yellow] {one.schema}.{one.table} version {version}, which a model names")


@app.command()
def validate(wait: Wait = 60) -> None:
    """Print promise P1 for every topic, with lag and freshness; exit 1 when it does not hold."""
    settings = load(PlatformSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    broker = Broker(settings.kafka_bootstrap_servers)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        auditor = Auditor(broker, lakehouse, settings.ledger_dir, layout.quarantine_table)
        states = validate_streams(auditor, broker, lakehouse, layout.streams, wait)
    audits = [state.audit for state in states]
    console.print(_validation_table(states))
    _print_examples(audits)
    broken = [audit.topic for audit in audits if not audit.holds]
    if broken:
        console.print(f"[red]P1 does not hold[/red] for {', '.join(broken)}: docs/runbooks/ConservationBroken.md")
        raise typer.Exit(1)
    console.print("P1 holds: every offset is in Bronze or in quarantine, once")


@app.command()
def dq(
    wait: Wait = 30,
    max_duplicate_share: Annotated[
        float, typer.Option(min=0, max=1, help="Rows of a table that may repeat an id: senders may repeat themselves.")
    ] = 0.001,
) -> None:
    """Check freshness, duplicate ids and missing ids and keys of every Bronze table; exit 1 when a check fails."""
    settings = load(PlatformSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        require_tables(lakehouse, layout)
        _, stale = wait_until_fresh(
            Broker(settings.kafka_bootstrap_servers),
            lakehouse,
            layout.streams,
            layout.quarantine_table,
            bound_seconds=settings.freshness_bound_seconds,
            wait_seconds=wait,
        )
        qualities = [table_quality(lakehouse, stream) for stream in layout.streams]
    late = [stale_lines(stale, stream) for stream in layout.streams]
    console.print(_quality_table(qualities, late))
    failures = [
        f"bronze.{quality.table}: {line}"
        for quality, lines in zip(qualities, late, strict=True)
        for line in (*lines, *quality.failures(max_duplicate_share))
    ]
    for line in failures:
        console.print(f"[red]failed[/red] {line}")
    if failures:
        raise typer.Exit(1)
    console.print("all checks pass")


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("py4j", "httpx", "botocore", "trino"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _lag_table(lags: list[PartitionLag]) -> Table:
    table = Table("topic", "partition", "broker end", "newest in Bronze", "lag")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in lags:
        newest = "-" if one.newest is None else str(one.newest)
        table.add_row(one.topic, str(one.partition), str(one.broker_end), newest, str(one.lag))
    table.add_section()
    table.add_row("all", "", "", "", str(sum(one.lag for one in lags)))
    return table


def _conservation_table(audits: list[TopicAudit]) -> Table:
    counts = ("produced", "bronze", "quarantine", "missing", "duplicated_rows", "overlap", "unexplained")
    table = Table("topic", *(name.removesuffix("_rows") for name in counts), "holds")
    for column in table.columns[1:]:
        column.justify = "right"
    for audit in audits:
        table.add_row(audit.topic, *(str(audit.total(name)) for name in counts), "yes" if audit.holds else "NO")
    return table


def _print_examples(audits: Sequence[TopicAudit]) -> None:
    for audit in audits:
        for partition in audit.as_json()["partitions"]:
            for kind, offsets in partition["examples"].items():
                console.print(
                    f"[red]{kind}[/red] {audit.topic} partition {partition['partition']}: offsets {offsets} …"
                )
    found = {kind for audit in audits for partition in audit.partitions for kind in partition.breaches()}
    for kind in (kind for kind in BREACHES if kind in found):
        console.print(f"[red]{kind}[/red]: {BREACHES[kind]}", soft_wrap=True)


def _validation_table(states: Sequence[TopicState]) -> Table:
    counts = ("produced", "bronze", "quarantine", "missing", "overlap", "duplicated_rows", "unexplained")
    names = ("acknowledged", "Bronze", "quarantine", "gaps", "overlaps", "twice", "unexplained")
    table = Table("topic", "offsets in", *names, "lag", "oldest unread", "newest event", "P1")
    for column in table.columns[1:11]:
        column.justify = "right"
    for state in states:
        waited = "-" if state.oldest_unread_seconds is None else f"{state.oldest_unread_seconds:.0f} s"
        table.add_row(
            state.audit.topic,
            str(state.offsets_in),
            *(str(state.audit.total(name)) for name in counts),
            str(state.lag),
            waited,
            (state.newest_event or "-")[:19],
            "holds" if state.audit.holds else "NO",
        )
    return table


def _quality_table(qualities: Sequence[TableQuality], late: Sequence[Sequence[str]]) -> Table:
    table = Table("table", "rows", "repeated ids", "without id", "without key", "newest event", "fresh")
    for column in table.columns[1:5]:
        column.justify = "right"
    for quality, lines in zip(qualities, late, strict=True):
        counts = (quality.rows, quality.duplicates, quality.null_ids, quality.null_keys)
        newest = (quality.newest_event or "-")[:19]
        table.add_row(f"bronze.{quality.table}", *map(str, counts), newest, "NO" if lines else "yes")
    return table


def main() -> None:
    """Entry point: errors of ours are one sentence and exit code 1, anything else is a traceback."""
    try:
        app()
    except StreamError as error:
        print(f"fraud-stream: {error}", file=sys.stderr)
        sys.exit(1)
