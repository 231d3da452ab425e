"""The DAG that looks at the model every night, in Airflow, and what wakes the one that trains."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fraud_native.demo.airflow import Airflow

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MONITORING, TRAINING, DUE = "model_monitoring", "model_training", "training_is_due"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def airflow(demo: Any) -> Iterator[Airflow]:
    env = demo.stack.env
    with Airflow(env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]) as client:
        client.wait_for_dag(MONITORING, PATIENCE_SECONDS)
        client.wait_for_dag(TRAINING, PATIENCE_SECONDS)
        yield client


@pytest.fixture(scope="module")
def api(demo: Any) -> Iterator[httpx.Client]:
    """Airflow's REST API, for what nobody but this test asks."""
    env = demo.stack.env
    with httpx.Client(base_url=env["AIRFLOW_URL"], timeout=30) as client:
        who = {"username": env["AIRFLOW_ADMIN_USER"], "password": env["AIRFLOW_ADMIN_PASSWORD"]}
        token = client.post("/auth/token", json=who).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def training_runs(api: httpx.Client) -> dict[str, str]:
    """Run type by the id of every run of the training DAG."""
    answer = api.get(f"/api/v2/dags/{TRAINING}/dagRuns").raise_for_status().json()
    return {run["dag_run_id"]: run["run_type"] for run in answer["dag_runs"]}


def test_a_model_of_today_is_measured_and_no_training_is_asked_for(airflow: Airflow, api: httpx.Client) -> None:
    before = training_runs(api)

    run = airflow.wait(MONITORING, airflow.trigger(MONITORING), 300, print)

    assert run.tasks == {"measure_drift": "success", "compare_challenger": "success", "retrain_if_due": "skipped"}
    path = f"/api/v2/dags/{MONITORING}/dagRuns/{run.run_id}/taskInstances/retrain_if_due/logs/1"
    log = api.get(path, headers={"Accept": "application/json"}).raise_for_status().text
    assert "training is not due: " in log
    assert "score_index" in log
    assert training_runs(api) == before


def test_a_training_that_is_due_begins(airflow: Airflow, api: httpx.Client) -> None:
    before = training_runs(api)
    (asset,) = api.get("/api/v2/assets", params={"name_pattern": DUE}).raise_for_status().json()["assets"]

    api.post("/api/v2/assets/events", json={"asset_id": asset["id"]}).raise_for_status()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (begun := training_runs(api).keys() - before.keys()):
        assert time.monotonic() < deadline, "nothing woke the training"
        time.sleep(0.5)
    (run_id,) = begun
    # ended before it registers a model that the other tests do not know of
    path = f"/api/v2/dags/{TRAINING}/dagRuns/{run_id}"
    api.patch(path, json={"state": "success"}, params={"update_mask": "state"}).raise_for_status()
    assert training_runs(api)[run_id] == "asset_triggered"
