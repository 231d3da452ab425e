"""Commands that prepare and describe the topics, the schemas and the reference data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fraud_contracts import COMPATIBILITY, RAW_TOPICS, schema_text
from fraud_producer.registry import Registry
from fraud_producer.settings import load_settings
from fraud_producer.simulator import merchants_csv
from fraud_producer.topics import Topics


def init() -> None:
    """Create the topics and register the schemas; running it again changes nothing."""
    settings = load_settings()
    states = Topics(settings.kafka_bootstrap_servers).ensure()
    for state in states:
        what = "created" if state.created else ", ".join(state.corrected) or "as it should be"
        typer.echo(f"topic {state.name}: {state.partitions} partitions, {what}")
    with Registry(settings.schema_registry_url) as registry:
        registry.require_compatibility(COMPATIBILITY)
        typer.echo(f"compatibility: {COMPATIBILITY}")
        for topic in RAW_TOPICS:
            typer.echo(f"schema {topic.subject}: id {registry.register(topic.subject, schema_text(topic))}")


def topics(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List topics with partitions, messages and settings."""
    states = Topics(load_settings().kafka_bootstrap_servers).describe()
    if as_json:
        rows = [
            {"topic": s.name, "partitions": s.partitions, "messages": s.messages, "config": s.config} for s in states
        ]
        typer.echo(json.dumps(rows))
        return
    typer.echo(f"{'topic':<24}{'partitions':>10}{'messages':>12}  settings")
    for state in states:
        config = ", ".join(f"{key}={value}" for key, value in sorted(state.config.items()))
        typer.echo(f"{state.name:<24}{state.partitions:>10}{state.messages:>12,}  {config}")


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
