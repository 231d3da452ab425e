import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from fraud_training.evaluate import figures
from fraud_training.registry import Registry, describe_change, operating_system_user
from fraud_training.train import TrainedModel


def registry(folder: Path, by: str | None = None) -> Registry:
    """MLflow's own store, in a file of SQLite instead of behind a server."""
    return Registry(f"sqlite:///{folder}/mlflow.db", "test_model", by)


def register(kept: Registry, trained: TrainedModel, folder: Path) -> None:
    experiment = kept.client.create_experiment("test", artifact_location=str(folder / "artifacts"))
    kept.register(kept.client.create_run(experiment).info.run_id, trained.form)


def test_a_change_keeps_who_why_and_the_figures(trained: TrainedModel, tmp_path: Path) -> None:
    kept = registry(tmp_path, "DAG model_training")
    register(kept, trained, tmp_path)
    kept.record("refused", kept.version(1), "it is no better", champion_before=None)

    registered, refused = kept.history()

    assert registered["by"] == refused["by"] == "DAG model_training"
    assert registered["metrics"] == refused["metrics"] == figures(trained.metrics)
    assert (refused["action"], refused["version"], refused["reason"]) == ("refused", 1, "it is no better")
    assert registered["at"] <= refused["at"]


def test_a_change_without_an_actor_is_the_users(tmp_path: Path) -> None:
    assert registry(tmp_path).by == getpass.getuser()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert operating_system_user().startswith("uid ")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"by": "ada", "metrics": {"auc": 0.95}}, "noon  version 3  champion by ada: better  [auc 0.9500]"),
        ({}, "noon  version 3  champion by somebody: better"),
    ],
)
def test_a_line_of_the_history_reads_as_a_sentence(more: dict[str, Any], line: str) -> None:
    entry = {"at": "noon", "version": 3, "action": "champion", "reason": "better", **more}
    assert describe_change(json.loads(json.dumps(entry))) == line
