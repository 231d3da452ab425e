"""The command that says what became of every message."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from fraud_producer.reconciling import RECONCILED, read_lines, reconcile
from fraud_producer.settings import load_settings
from fraud_producer.undelivered import FOLDER, Outcome, Undelivered


def ledger(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Count what became of every message, by topic; asks the broker about runs that ended without knowing.

    acknowledged: the broker reported it. reconciled: no report came, and it was found at the broker later. failed and
    absent: it is not there. dead_letter: it fits no schema, and the dead letter topic holds it. arrived: unknown at
    first, and counted under reconciled too.
    """
    settings = load_settings()
    directory = settings.fraud_producer_ledger_dir
    settled = reconcile(directory, settings.kafka_bootstrap_servers, settings.schema_registry_url)
    counts = count_lines(directory)
    if as_json:
        runs = [
            {"run": one.run_id, "added": one.added.total(), "arrived": one.arrived, "absent": one.absent}
            for one in settled
        ]
        typer.echo(json.dumps({"topics": {name: dict(found) for name, found in counts.items()}, "settled": runs}))
        return
    names = ["acknowledged", "reconciled", *(outcome.value for outcome in Outcome)]
    typer.echo(f"{'topic':<24}" + "".join(f"{name:>14}" for name in names))
    for topic, found in counts.items():
        typer.echo(f"{topic:<24}" + "".join(f"{found[name]:>14,}" for name in names))


def count_lines(directory: Path) -> dict[str, Counter[str]]:
    """How many messages of each topic had which fate."""
    counts: dict[str, Counter[str]] = {}
    for path in sorted(directory.glob("*/*.csv")):
        if path.parent.name == FOLDER:
            for line in Undelivered(directory, path.stem).read():
                counts.setdefault(line.topic, Counter())[line.outcome.value] += 1
        else:
            fate = "reconciled" if path.name.endswith(RECONCILED) else "acknowledged"
            counts.setdefault(path.parent.name, Counter())[fate] += sum(1 for _ in read_lines(path))
    return dict(sorted(counts.items()))
