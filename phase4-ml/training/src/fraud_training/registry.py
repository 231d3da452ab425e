"""The model registry: versions of the fraud classifier, their aliases, tags and history."""

import getpass
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from fraud_contracts import CANDIDATE, REGISTERED_MODEL
from fraud_training.errors import RegistryError
from fraud_training.evaluate import figures
from fraud_training.serving_form import ServingForm
from fraud_training.split import iso

SERVING_FOLDER = "serving"
STAGE = "stage"
STAGING, PRODUCTION, ARCHIVED = "Staging", "Production", "Archived"
PREVIOUS_CHAMPION = "previous_champion"
SCHEMA_HASH = "schema_hash"
# an action in the history: a gate was not passed
REFUSED = "refused"
# tag of a version: the figures it was registered with, so that a line of the history needs no download
_FIGURES = "figures"
_HISTORY = "history."
# enough for a busy machine
_PATIENCE_SECONDS = 15


def operating_system_user() -> str:
    """Name of whoever runs this process, or the number of a user without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the registered model."""

    number: int
    run_id: str
    source: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, version: ModelVersion) -> "Version":
        return cls(int(version.version), version.run_id or "", version.source or "", dict(version.tags))


class Registry:
    """What we read from and write to MLflow's registry, and nothing else."""

    def __init__(self, tracking_uri: str, model_name: str = REGISTERED_MODEL, by: str | None = None) -> None:
        """``by`` is the actor whom the history names; the user of the operating system when nobody is given."""
        # MLflow's own progress bars would fill the log of an Airflow task
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        self.client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        self.tracking_uri = tracking_uri
        self.model_name = model_name
        self.by = by or operating_system_user()

    def require_answer(self) -> None:
        """Returns when MLflow answers; its own client would go on trying for minutes.

        Raises:
            RegistryError: it does not.
        """
        if not self.tracking_uri.startswith("http"):
            return
        try:
            requests.get(f"{self.tracking_uri.rstrip('/')}/health", timeout=_PATIENCE_SECONDS).raise_for_status()
        except requests.RequestException as error:
            raise RegistryError(
                f"MLflow does not answer at {self.tracking_uri} ({type(error).__name__}): "
                "run `make start SERVICE=mlflow`."
            ) from error

    def register(self, run_id: str, form: ServingForm) -> Version:
        """Register the served form of a run and make it the candidate."""
        try:
            self.client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        artifacts = self.client.get_run(run_id).info.artifact_uri
        versions = form.manifest["data_version"]
        created = self.client.create_model_version(
            self.model_name,
            source=f"{artifacts}/{SERVING_FOLDER}",
            run_id=run_id,
            tags={
                STAGE: "None",
                SCHEMA_HASH: form.manifest["schema_hash"],
                "sha256": form.sha256,
                "manifest_sha256": form.manifest_sha256,
                "data_version": json.dumps(versions, sort_keys=True),
                _FIGURES: json.dumps(figures(form.manifest["metrics"])),
            },
        )
        version = Version.of(created)
        self.move_alias(CANDIDATE, version)
        self.record("registered", version, "trained")
        return version

    def holder(self, alias: str) -> Version | None:
        """The version that has an alias, or None."""
        try:
            aliases = self.client.get_registered_model(self.model_name).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return self.version(int(aliases[alias])) if alias in aliases else None

    def version(self, number: int) -> Version:
        """A version by number.

        Raises:
            RegistryError: there is none.
        """
        try:
            return Version.of(self.client.get_model_version(self.model_name, str(number)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise RegistryError(f"{self.model_name} has no version {number} in the registry.") from error

    def form(self, version: Version) -> ServingForm:
        """Download a version's served form.

        Raises:
            RegistryError: the files are not those that were registered.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = download_artifacts(artifact_uri=version.source, dst_path=folder, tracking_uri=self.tracking_uri)
            form = ServingForm.read(Path(path))
        if form.sha256 != version.tags.get("sha256") or form.manifest_sha256 != version.tags.get("manifest_sha256"):
            raise RegistryError(
                f"The files of {self.model_name} version {version.number} are not those that were registered."
            )
        return form

    def move_alias(self, alias: str, version: Version) -> None:
        """Give an alias to a version, taking it from whichever had it."""
        self.client.set_registered_model_alias(self.model_name, alias, str(version.number))

    def drop_alias(self, alias: str) -> None:
        """Leave an alias without a holder."""
        self.client.delete_registered_model_alias(self.model_name, alias)

    def tag(self, version: Version, key: str, value: str) -> None:
        """Set a tag of a version."""
        self.client.set_model_version_tag(self.model_name, str(version.number), key, value)

    def record(self, action: str, version: Version, reason: str, **more: Any) -> None:
        """Add a line to the model's history (a tag of the registered model): what, when, who, why, with which figures.

        A version that was registered before figures were kept beside it has none.
        """
        entry = {
            "action": action,
            "version": version.number,
            "at": iso(time.time_ns() // 1000),
            "by": self.by,
            "reason": reason,
            "metrics": json.loads(version.tags.get(_FIGURES, "{}")),
            **more,
        }
        # the time is the key, so that two writers never take the same line
        self.client.set_registered_model_tag(self.model_name, f"{_HISTORY}{time.time_ns()}", json.dumps(entry))

    def history(self) -> list[dict[str, Any]]:
        """Every recorded change, oldest first."""
        try:
            tags = self.client.get_registered_model(self.model_name).tags
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return []
        return [json.loads(tags[key]) for key in sorted(tags) if key.startswith(_HISTORY)]


def describe_change(entry: Mapping[str, Any]) -> str:
    """A line of the history as a person reads it; lines of before actors and figures were kept lack them."""
    known = ", ".join(f"{name} {value:.4f}" for name, value in entry.get("metrics", {}).items())
    return (
        f"{entry['at']}  version {entry['version']}  {entry['action']} by {entry.get('by', 'somebody')}: "
        f"{entry['reason']}" + (f"  [{known}]" if known else "")
    )
