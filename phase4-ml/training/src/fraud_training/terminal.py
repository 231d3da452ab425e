"""What every command shares: its options, what it says to a person, and the line of JSON that it ends with."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fraud_training.registry import Registry
from fraud_training.settings import Settings

ModelName = Annotated[str, typer.Option("--model-name", help="Registered model to write to or read from.")]
TrinoUser = Annotated[str, typer.Option("--trino-user", help="Name under which Trino is asked.")]
ReportDir = Annotated[
    Path | None, typer.Option(help="Folder of the report; default: FRAUD_TRAINING_REPORTS_DIR, or var/reports.")
]
FeaturesTable = Annotated[str, typer.Option(help="Table of feature vectors.")]
LabelsTable = Annotated[str, typer.Option(help="Table of labels.")]
Actor = Annotated[
    str, typer.Option("--by", help="Who does this, for the history; default: the user of the operating system.")
]


def say(text: str) -> None:
    """Tell the person at the terminal, or the log of a task."""
    typer.echo(text, err=True)


def print_answer(answer: dict[str, Any]) -> None:
    """One line of JSON on standard output."""
    typer.echo(json.dumps(answer))


def open_registry(settings: Settings, model_name: str, by: str = "") -> Registry:
    """The registry, once it has answered: nobody should fit a forest that cannot be registered.

    Raises:
        RegistryError: MLflow does not answer.
    """
    registry = Registry(settings.mlflow_tracking_uri, model_name, by)
    registry.require_answer()
    return registry
