"""Training, promotion and rollback through the commands, on the real registry and warehouse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import pytest

from fraud_training.registry import Registry, operating_system_user

pytestmark = pytest.mark.integration

Command = Callable[..., dict[str, Any]]


def test_from_the_first_candidate_to_a_rollback(stack: Any, tables: Any, model_name: str, command: Command) -> None:
    source = ("--trino-user", "dbt", "--features-table", tables.features, "--labels-table", tables.labels)
    registry = Registry(stack.env["MLFLOW_TRACKING_URI"], model_name)
    assert command("show") == {
        "name": model_name,
        "version": None,
        "alias": None,
        "reason": "no model was trained yet: run make ml-train",
    }
    assert command("promote", "--trino-user", "dbt")["decision"] == "nothing_to_promote"

    # a floor that no model reaches: it stays candidate, and the reason is shown
    first = command("train", "--trees", "20", "--max-depth", "6", *source)
    assert (first["version"], first["alias"]) == (1, "candidate")
    assert first["average_precision"] > first["baseline_average_precision"]
    refused = command("promote", "--trino-user", "dbt", PROMOTION_MIN_AUC="1")
    assert refused["decision"] == "stays_candidate"
    assert command("show")["reason"] == refused["reason"]

    # the first to pass becomes champion
    promoted = command("promote", "--trino-user", "dbt", PROMOTION_MIN_AUC="0.8")
    assert (promoted["decision"], promoted["champion"]) == ("champion", 1)
    shown = command("show")
    assert shown == {key: first[key] for key in shown if key != "alias"} | {"alias": "champion"}

    # the same data gives the same forest, which is no better
    again = command("train", "--trees", "20", "--max-depth", "6", *source)
    assert (again["version"], again["sha256"]) == (2, first["sha256"])
    equal = command("promote", "--trino-user", "dbt", PROMOTION_MIN_AUC="")
    assert (equal["decision"], equal["champion"]) == ("stays_challenger", 1)
    assert "against the champion's" in equal["reason"]

    # a larger forest is better and takes the place
    better = command("train", "--trees", "60", "--max-depth", "12", *source)
    replaced = command("promote", "--trino-user", "dbt", PROMOTION_MIN_AUC="")
    assert (replaced["decision"], replaced["champion"]) == ("champion", better["version"]), replaced
    stages = {number: registry.version(number).tags["stage"] for number in (1, 2, 3)}
    assert stages == {1: "Archived", 2: "Archived", 3: "Production"}

    assert command("rollback", "--why", "it misses the new pattern", "--by", "ada")["champion"] == 1
    assert registry.version(1).tags["stage"] == "Production"
    assert registry.version(3).tags["stage"] == "Archived"
    assert command("show")["version"] == 1
    entries = command("history")["history"]
    assert (entries[-1]["by"], entries[-1]["reason"]) == (
        "ada",
        "rolled back from version 3: it misses the new pattern",
    )
    assert entries[-1]["metrics"]["average_precision"] == first["average_precision"]
    assert {entry["by"] for entry in entries[:-1]} == {operating_system_user()}
    actions = [entry["action"] for entry in entries]
    assert actions == [
        *("registered", "refused", "challenger", "champion"),
        *("registered", "challenger", "refused"),
        *("registered", "challenger", "champion", "rolled_back"),
    ]
    failed = stack.run(["fraud-training", "rollback", "--model-name", model_name], check=False)
    assert failed.returncode == 1
    assert failed.stderr == "fraud-training: Version 1 is the first champion: there is none to go back to.\n"


def test_a_run_keeps_everything_needed_to_judge_and_to_retrain(
    stack: Any, tables: Any, model_name: str, command: Command
) -> None:
    trained = command(
        *("train", "--trees", "5", "--max-depth", "4", "--trino-user", "dbt"),
        *("--features-table", tables.features, "--labels-table", tables.labels),
    )
    registry = Registry(stack.env["MLFLOW_TRACKING_URI"], model_name)
    run = registry.client.get_run(trained["run_id"])

    assert run.info.status == "FINISHED"
    assert run.data.metrics["auc"] == pytest.approx(trained["auc"])
    assert run.data.params["features_version"] == str(trained["data_version"]["features"]["version"])
    report = json.loads(Path(trained["report"]).read_text())
    assert (report["version"], report["run_id"]) == (trained["version"], trained["run_id"])
    assert report["models"]["forest"]["auc"] == trained["auc"]
    assert {row["fraud_type"] for row in report["by_fraud_type"]["kinds"]} == {"velocity_burst", "not said"}
    files = {
        file.path
        for folder in ("", "plots", "serving")
        for file in registry.client.list_artifacts(run.info.run_id, folder)
    }
    assert files >= {
        "model.json",
        "model_card.md",
        "plots/calibration.png",
        "plots/precision_recall.png",
        "serving/forest.treelite",
        "serving/manifest.json",
    }

    beside = Path(trained["report"]).with_name("plots")
    kept = Path(registry.client.download_artifacts(run.info.run_id, "plots"))
    assert [file.name for file in sorted(beside.iterdir())] == ["calibration.png", "precision_recall.png"]
    assert all((kept / file.name).read_bytes() == file.read_bytes() for file in beside.iterdir())

    form = registry.form(registry.version(trained["version"]))
    golden = form.manifest["golden"]
    vectors = np.array([row["vector"] for row in golden], dtype=np.float32)
    mlflow.set_tracking_uri(stack.env["MLFLOW_TRACKING_URI"])
    forest = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/retrainable")
    isolation = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/anomaly")
    assert isolation.n_estimators == report["isolation_forest"]["trees"]
    known = [name not in form.manifest["dropped_features"] for name in form.manifest["feature_names"]]
    assert not all(known)
    assert forest.predict_proba(vectors[:, known])[:, 1] == pytest.approx([row["raw"] for row in golden], abs=1e-6)
