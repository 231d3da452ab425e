"""Commands of this room."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fraud_stream.broker import Broker
from fraud_stream.conservation import Auditor, TopicAudit
from fraud_stream.errors import StreamError
from fraud_stream.freshness import PartitionLag, partition_lags, wait_until_fresh
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.registration import create_schemas, register_tables, require_tables
from fraud_stream.settings import (
    CatalogueSettings,
    LagExporterSettings,
    PlatformSettings,
    QuarantineSettings,
    WriterSettings,
    load,
)
from fraud_stream.streams import Layout

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Kafka to Delta Bronze, and the proof of it.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Messages that did not belong in Bronze.")
app.add_typer(quarantine_app, name="quarantine")
# a pipe has no width: tables must not be cut to the 80 columns of a terminal that is not there
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 140)

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
        console.print("is the Bronze writer running? its log says why it is behind")
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
    for audit in audits:
        for partition in audit.as_json()["partitions"]:
            for kind, offsets in partition["examples"].items():
                console.print(
                    f"[red]{kind}[/red] {audit.topic} partition {partition['partition']}: offsets {offsets} …"
                )
    if not all(audit.holds for audit in audits):
        raise typer.Exit(1)


@quarantine_app.command("show")
def show_quarantine(
    why: Annotated[str, typer.Option(help="Reason for looking; it is kept in the audit log.")],
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition.")] = None,
    offset: Annotated[int | None, typer.Option(help="Only this offset.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
) -> None:
    """Quarantined messages in clear, one JSON object a line (payload as hex); who looked and why is recorded."""
    from fraud_stream.quarantine_reader import read_quarantine, write_audit_line

    settings = load(QuarantineSettings)
    layout = Layout(settings.s3_bucket, settings.namespace)
    with Lakehouse(settings.trino_url) as lakehouse:
        found = read_quarantine(
            lakehouse,
            layout.quarantine_table,
            settings.quarantine_key_bytes,
            topic=topic,
            partition=partition,
            offset=offset,
            reason=reason,
            limit=limit,
        )
    wanted: dict[str, object] = {"topic": topic, "partition": partition, "offset": offset, "reason": reason}
    write_audit_line(settings.audit_log, why, wanted, found)
    for message in found:
        print(
            json.dumps(
                {
                    "topic": message.topic,
                    "partition": message.partition,
                    "offset": message.offset,
                    "received_at": message.kafka_timestamp,
                    "schema_id": message.schema_id,
                    "reasons": message.reasons,
                    "key": None if message.key is None else message.key.hex(),
                    "payload": None if message.payload is None else message.payload.hex(),
                }
            )
        )


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


def main() -> None:
    """Entry point: errors of ours are one sentence and exit code 1, anything else is a traceback."""
    try:
        app()
    except StreamError as error:
        print(f"fraud-stream: {error}", file=sys.stderr)
        sys.exit(1)
