"""Commands that prepare and describe the topics, the schemas and the reference data."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fraud_contracts import COMPATIBILITY, RAW_TOPICS, schema_text
from fraud_producer.drift import Drift
from fraud_producer.registry import Registry
from fraud_producer.settings import load_settings
from fraud_producer.simulator import merchants_csv
from fraud_producer.topics import Topics


def init() -> None:
    """Create the topics and register the schemas; running it again changes nothing.

    A setting that differs from the contracts is corrected and named; what cannot be corrected is named with its remedy.
    """
    settings = load_settings()
    for done in Topics(settings.kafka_bootstrap_servers).ensure():
        what = "created" if done.created else _corrections(done.corrected) or "as it should be"
        typer.echo(f"topic {done.name}: {done.partitions} partitions, {what}")
        for drift in done.left:
            typer.echo(f"drift: {drift}", err=True)
    with Registry(settings.schema_registry_url) as registry:
        registry.require_compatibility(COMPATIBILITY)
        typer.echo(f"compatibility: {COMPATIBILITY}")
        for drift in registry.correct_compatibility():
            typer.echo(f"subject {drift.name}: {_corrections([drift])}")
        for topic in RAW_TOPICS:
            typer.echo(f"schema {topic.subject}: id {registry.register(topic.subject, schema_text(topic))}")


def _corrections(drifted: Iterable[Drift]) -> str:
    return ", ".join(f"{drift.setting}: {drift.found} -> {drift.wanted}" for drift in drifted)


def topics(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List topics with partitions, messages and settings, and what differs from the contracts.

    Exit code 1 if anything does: of a topic its partitions, its replication or a setting, of a subject its
    compatibility or its schema.
    """
    settings = load_settings()
    known = Topics(settings.kafka_bootstrap_servers)
    states = known.describe()
    if not as_json:
        typer.echo(f"{'topic':<24}{'partitions':>10}{'messages':>12}  settings")
        for state in states:
            config = ", ".join(f"{key}={value}" for key, value in sorted(state.config.items()))
            typer.echo(f"{state.name:<24}{state.partitions:>10}{state.messages:>12,}  {config}")
    with Registry(settings.schema_registry_url) as registry:
        drifted = known.drift() + registry.drift()
    if as_json:
        rows = [
            {"topic": s.name, "partitions": s.partitions, "messages": s.messages, "config": s.config} for s in states
        ]
        typer.echo(json.dumps({"topics": rows, "drift": [asdict(drift) for drift in drifted]}))
    for drift in drifted:
        typer.echo(f"drift: {drift}", err=True)
    if drifted:
        raise typer.Exit(1)


def schemas(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the registry's subjects with versions and compatibility."""
    with Registry(load_settings().schema_registry_url) as registry:
        subjects = registry.subjects()
    if as_json:
        rows = [
            {"subject": s.name, "versions": s.versions, "schema_id": s.schema_id, "compatibility": s.compatibility}
            for s in subjects
        ]
        typer.echo(json.dumps(rows))
        return
    typer.echo(f"{'subject':<30}{'versions':<14}{'newest id':>9}  compatibility")
    for subject in subjects:
        versions = ", ".join(map(str, subject.versions))
        typer.echo(f"{subject.name:<30}{versions:<14}{subject.schema_id:>9}  {subject.compatibility}")


def merchants(output: Annotated[Path, typer.Option(help="Where to write the CSV file.")]) -> None:
    """Write the simulated merchants as the reference table that dbt seeds."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(merchants_csv(), encoding="utf-8", newline="")
    typer.echo(f"{output} written", err=True)
