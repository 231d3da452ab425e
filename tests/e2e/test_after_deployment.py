"""What is looked at after a model was deployed, with the rights that training has, on the demo's champion."""

import json
from typing import Any

import pytest
from trino.exceptions import TrinoUserError

from fraud_features import schema_hash
from fraud_native.trino_client import connect
from fraud_training.registry import Registry
from fraud_training.stability import LEAST_SAMPLES
from fraud_training.warehouse import DECISIONS_TABLE, Warehouse

pytestmark = pytest.mark.integration


def answer(demo: Any, *arguments: str) -> dict[str, Any]:
    """What a command of training prints last."""
    said: dict[str, Any] = json.loads(demo.stack.run(["fraud-training", *arguments]).stdout.splitlines()[-1])
    return said


def test_drift_of_the_champion_is_measured_on_the_newest_week(demo: Any) -> None:
    measured = answer(demo, "drift")

    assert measured["version"] == demo.report["model"]["version"]
    assert min(measured["score"]["payments"], measured["score"]["reference_payments"]) >= LEAST_SAMPLES
    assert measured["score"]["verdict"] in ("stable", "shifted")
    kept = demo.trino("SELECT subject, value FROM delta.monitoring.model_figures WHERE measure = 'score_psi'")
    assert ["score", measured["score"]["psi"]] in [list(row) for row in kept]


def test_a_challenger_is_compared_on_every_vector_that_the_api_logged(demo: Any) -> None:
    version = demo.report["model"]["version"]
    probabilities = demo.postgres(
        "SELECT calibrated_probability FROM decisions WHERE calibrated_probability IS NOT NULL"
    )

    compared = answer(demo, "shadow", "--challenger", str(version))

    # a model agrees with itself
    assert compared["decisions"] == len(probabilities)
    assert {one["share"] for one in compared["thresholds"].values()} == {0}
    # and what it says of the vectors read through Trino is what the API said of them
    form = Registry(demo.stack.env["MLFLOW_TRACKING_URI"]).form(
        Registry(demo.stack.env["MLFLOW_TRACKING_URI"]).version(version)
    )
    with Warehouse(demo.stack.env["TRINO_URL"]) as warehouse:
        vectors = warehouse.decided_vectors(DECISIONS_TABLE, schema_hash(), 7, 50_000)
    assert sorted(form.probabilities(vectors)) == pytest.approx(sorted(one for (one,) in probabilities), abs=1e-12)


def test_the_rule_says_whether_a_training_is_due_and_why(demo: Any) -> None:
    answer(demo, "drift")
    decided = answer(demo, "due")

    assert decided["evidence"]["has_reference"]
    assert decided["evidence"]["score_index"] is not None
    assert decided["evidence"]["performance"]["frauds"] > 0
    # the demo's model was trained minutes ago
    assert decided["due"] is False


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT user_id FROM postgres.public.decisions",
        "SELECT request FROM postgres.public.decisions",
        "INSERT INTO delta.gold.mart_hourly_metrics SELECT * FROM delta.gold.mart_hourly_metrics",
        "DELETE FROM delta.monitoring.model_figures",
        "CREATE TABLE delta.gold.mine (one integer)",
        "CREATE SCHEMA delta.mine",
    ],
)
def test_training_writes_its_figures_and_nothing_else_and_sees_no_person(demo: Any, statement: str) -> None:
    answer(demo, "drift")
    with connect(demo.stack.env, user="trainer") as connection:
        cursor = connection.cursor()
        with pytest.raises(TrinoUserError, match="Access Denied"):
            cursor.execute(statement)
