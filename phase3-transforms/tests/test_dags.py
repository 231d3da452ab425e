"""The DAGs, as Airflow itself parses them in its own environment."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PHASE = Path(__file__).parents[1]
AIRFLOW_PYTHON = PHASE / "airflow" / ".venv" / "bin" / "python"
TAGS = {"lakehouse", "models"}
PIPELINE = [
    "bronze_freshness_check",
    "dbt_seed",
    "dbt_staging",
    "dbt_intermediate",
    "dbt_marts",
    "dbt_test",
    "push_features_to_redis",
]

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("DAGS " + json.dumps({
    "errors": {path: str(error) for path, error in bag.import_errors.items()},
    "dags": {
        dag_id: {
            "file": dag.fileloc,
            "schedule": getattr(getattr(dag.timetable, "timetable", dag.timetable), "expression", None),
            "wakes_on": [asset.name for asset in getattr(dag.timetable.asset_condition, "objects", ())],
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tags": sorted(dag.tags),
            "doc": dag.doc_md,
            "params": {name: param.schema for name, param in dag.params.items()},
            "tasks": {
                task.task_id: {
                    "command": task.bash_command,
                    "env": {
                        owned: {
                            name: task.render_template(value, {"params": {**dag.params.dump(), "own_data": owned}})
                            for name, value in (task.env or {}).items()
                        }
                        for owned in ((False, True) if "own_data" in dag.params else ())
                    },
                    "downstream": sorted(task.downstream_task_ids),
                    "retries": task.retries,
                    "timeout": task.execution_timeout.total_seconds(),
                    "doc": task.doc_md,
                    "outlets": [asset.name for asset in task.outlets],
                    "skips_on": task.skip_on_exit_code,
                }
                for task in dag.tasks
            },
        }
        for dag_id, dag in bag.dags.items()
    },
}))
"""


@cache
def parse(state: Path) -> dict[str, Any]:
    """What Airflow makes of the DAG folder, with ``state`` as the stack's state folder."""
    home = state / "airflow"
    done = subprocess.run(
        [str(AIRFLOW_PYTHON), "-c", DESCRIBE, str(PHASE / "airflow" / "dags")],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
            "FRAUD_STATE_DIR": str(state),
        },
    )
    assert done.returncode == 0, done.stderr[-4000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("DAGS "))
    described: dict[str, Any] = json.loads(line.removeprefix("DAGS "))
    return described


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("state"))


def test_every_file_parses_and_holds_the_dag_of_its_name(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert {dag_id: Path(dag["file"]).stem for dag_id, dag in parsed["dags"].items()} == {
        "fraud_pipeline": "fraud_pipeline",
        "model_monitoring": "model_monitoring",
        "model_training": "model_training",
        "lakehouse_maintenance": "lakehouse_maintenance",
    }


def test_pipeline_has_one_task_per_step_in_order(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["fraud_pipeline"]["tasks"]
    order = ["bronze_freshness_check"]
    while tasks[order[-1]]["downstream"]:
        (following,) = tasks[order[-1]]["downstream"]
        order.append(following)
    assert order == PIPELINE
    assert set(tasks) == set(PIPELINE)


def test_pipeline_runs_every_quarter_of_an_hour_and_once_at_a_time(parsed: dict[str, Any]) -> None:
    pipeline = parsed["dags"]["fraud_pipeline"]
    assert pipeline["schedule"] == "*/15 * * * *"
    assert pipeline["max_active_runs"] == 1
    assert pipeline["catchup"] is False


def test_the_hold_file_takes_the_schedule_away(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pipeline-schedule.hold").write_text("held\n")
    assert parse(tmp_path)["dags"]["fraud_pipeline"]["schedule"] is None


def test_training_accepts_only_numbers_within_bounds_and_whose_data_it_is(parsed: dict[str, Any]) -> None:
    training = parsed["dags"]["model_training"]
    assert list(training["tasks"]) == ["train", "promote"]
    assert training["tasks"]["train"]["downstream"] == ["promote"]
    numbers = {name: schema for name, schema in training["params"].items() if name != "own_data"}
    assert training["params"]["own_data"]["type"] == "boolean"
    for schema in numbers.values():
        assert schema["type"] == ["null", "integer"]
        assert {"minimum", "maximum"} <= set(schema)
    # no template in a command: a value from the run's configuration never becomes shell text
    assert all("{{" not in task["command"] for task in training["tasks"].values())
    # the history of the model names the DAG, not the user that Airflow runs as
    assert all('--by "$ACTOR"' in task["command"] for task in training["tasks"].values())


@pytest.mark.parametrize(("owned", "told"), [("false", ""), ("true", "--own-data")])
def test_whose_data_it_is_reaches_the_gates(parsed: dict[str, Any], tmp_path: Path, owned: str, told: str) -> None:
    promote = parsed["dags"]["model_training"]["tasks"]["promote"]
    (tmp_path / "fraud-training").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "fraud-training").chmod(0o755)
    env = {**os.environ, **promote["env"][owned], "FRAUD_BIN": str(tmp_path)}
    done = subprocess.run(["bash", "-c", promote["command"]], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["promote", "--by", "DAG model_training", *told.split()]


def test_training_runs_weekly_and_when_monitoring_says_that_it_is_due(parsed: dict[str, Any]) -> None:
    training, monitoring = parsed["dags"]["model_training"], parsed["dags"]["model_monitoring"]
    assert training["schedule"] == "30 3 * * 1"
    outlets = {name: task["outlets"] for name, task in monitoring["tasks"].items() if task["outlets"]}
    assert outlets == {"retrain_if_due": training["wakes_on"]}
    assert training["wakes_on"] == ["training_is_due"]
    assert {name for name, dag in parsed["dags"].items() if dag["wakes_on"]} == {"model_training"}


def test_monitoring_measures_every_night_before_the_rule_decides(parsed: dict[str, Any]) -> None:
    monitoring = parsed["dags"]["model_monitoring"]
    assert monitoring["schedule"] == "10 2 * * *"
    assert list(monitoring["tasks"]) == ["measure_drift", "compare_challenger", "retrain_if_due"]
    assert monitoring["tasks"]["measure_drift"]["downstream"] == ["compare_challenger"]
    assert monitoring["tasks"]["compare_challenger"]["downstream"] == ["retrain_if_due"]


def test_a_training_that_is_not_due_is_skipped_and_no_failure_is(parsed: dict[str, Any]) -> None:
    asked = parsed["dags"]["model_monitoring"]["tasks"]["retrain_if_due"]
    (code,) = asked["skips_on"]
    assert asked["command"].endswith(f" due --otherwise {code}")
    # 1 is a failure of the command, 2 one of its arguments, and from 126 on it did not run or was killed
    assert 2 < code < 126


def test_maintenance_runs_at_night_between_two_runs_of_the_pipeline(parsed: dict[str, Any]) -> None:
    maintenance = parsed["dags"]["lakehouse_maintenance"]
    assert maintenance["schedule"] == "50 4 * * *"
    assert list(maintenance["tasks"]) == ["vacuum"]


def test_policy_of_every_dag(parsed: dict[str, Any]) -> None:
    for dag in parsed["dags"].values():
        assert dag["doc"]
        assert dag["tags"]
        assert set(dag["tags"]) <= TAGS
        assert dag["catchup"] is False
        assert dag["max_active_runs"] == 1
        for task in dag["tasks"].values():
            assert task["doc"]
            assert task["retries"] >= 1
            assert task["timeout"] > 0
            assert task["command"].startswith(('"$FRAUD_BIN/', '"$DBT_PROJECT_DIR/run-dbt"'))


def test_lineage_ends_in_gold_the_profiles_and_the_champion(parsed: dict[str, Any]) -> None:
    outlets = {name for dag in parsed["dags"].values() for task in dag["tasks"].values() for name in task["outlets"]}
    assert outlets == {"bronze", "silver", "gold", "online_profiles", "champion_model", "training_is_due"}
