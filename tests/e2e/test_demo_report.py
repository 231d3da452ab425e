"""The demo's report says that the whole path ran, and what it says is so."""

from typing import Any

import pytest

from fraud_contracts import RAW_TOPICS

pytestmark = pytest.mark.integration

KEYS = {
    "runtime": None,
    "components": {"name", "version", "seconds_to_healthy"},
    "conservation": {"produced", "bronze", "quarantine", "missing", "duplicated", "holds"},
    "dag_run": {"dag_id", "run_id", "state", "tasks"},
    "gold": None,
    "model": {
        *("name", "version", "alias", "train_period", "test_period", "auc", "average_precision"),
        *("card_precision_at_100", "detection_rate_at_fpr_0_5_percent", "baseline_average_precision"),
    },
    "redis": {"user_keys", "merchant_keys"},
    "predict": {"requests", "errors", "p50_ms", "p99_ms"},
    "decisions_logged": None,
    "seconds": None,
}
TASKS = [
    *("bronze_freshness_check", "dbt_seed", "dbt_staging", "dbt_intermediate", "dbt_marts"),
    *("dbt_test", "push_features_to_redis"),
]


def test_the_report_has_every_key(demo: Any) -> None:
    assert set(demo.report) == set(KEYS)
    for key, inner in KEYS.items():
        if inner is None:
            continue
        part = demo.report[key]
        parts = part if isinstance(part, list) else part.values() if key == "conservation" else [part]
        assert parts
        for row in parts:
            assert inner <= set(row), (key, row)


def test_nothing_is_lost_and_nothing_twice(demo: Any) -> None:
    assert set(demo.report["conservation"]) == {topic.name for topic in RAW_TOPICS}
    for topic, row in demo.report["conservation"].items():
        assert row["holds"], (topic, row)
        assert row["produced"] == row["bronze"] + row["quarantine"]
        assert row["missing"] == row["duplicated"] == 0


def test_nor_was_it_when_the_spark_driver_was_killed_in_the_middle(demo: Any) -> None:
    assert demo.killed.landed < demo.killed.sent, "the driver was idle when it was killed"


def test_a_history_that_was_cut_short_is_completed_without_a_gap_or_a_repetition(demo: Any) -> None:
    assert "is not complete: going on with it" in demo.said
    rows, different = demo.trino("SELECT count(*), count(DISTINCT transaction_id) FROM delta.bronze.transactions")[0]
    assert rows == different
    # as many as one uninterrupted feed sends, and the live ones
    assert rows - demo.report["predict"]["requests"] == pytest.approx(60_000, rel=0.03)


def test_the_pipeline_ran_every_task_in_order(demo: Any) -> None:
    run = demo.report["dag_run"]
    assert run["state"] == "success"
    assert list(run["tasks"]) == TASKS
    assert set(run["tasks"].values()) == {"success"}


def test_gold_has_one_feature_row_per_payment(demo: Any) -> None:
    gold = demo.report["gold"]
    needed = {
        *("mart_fraud_features", "mart_user_profile", "mart_merchant_risk", "mart_category_profile"),
        *("mart_hourly_metrics", "mart_user_risk_profiles", "mart_landing_daily"),
    }
    assert needed <= set(gold)
    assert all(gold[table] > 0 for table in needed)
    (history,) = demo.trino("SELECT count(DISTINCT transaction_id) FROM delta.bronze.transactions")[0]
    assert gold["mart_fraud_features"] <= history
    assert gold["mart_fraud_features"] >= 58_000


def test_a_champion_serves_and_the_simulation_is_not_a_toy(demo: Any) -> None:
    model = demo.report["model"]
    assert model["alias"] == "champion"
    assert model["auc"] >= 0.90
    assert model["amount_average_precision"] < 0.3
    assert model["baseline_average_precision"] < model["average_precision"] < 0.95


def test_every_live_payment_was_scored_and_its_decision_kept(demo: Any) -> None:
    predict = demo.report["predict"]
    assert predict["requests"] >= 200
    assert predict["errors"] == 0
    assert demo.report["decisions_logged"] == predict["requests"]
    modes = dict(demo.postgres("SELECT mode, count(*) FROM decisions WHERE transaction_id LIKE 'T2%' GROUP BY 1"))
    assert modes == {"full": predict["requests"]}


def test_every_profile_is_in_the_online_store(demo: Any) -> None:
    redis = demo.report["redis"]
    # a customer of whom a KYC record is known has a profile before the first payment
    (users,) = demo.trino(
        "SELECT count(DISTINCT user_id) FROM "
        "(SELECT user_id FROM delta.silver.int_transactions UNION SELECT user_id FROM delta.silver.int_kyc_as_of)"
    )[0]
    (merchants,) = demo.trino("SELECT count(DISTINCT merchant_id) FROM delta.silver.int_transactions")[0]
    assert redis["user_keys"] == users
    assert redis["merchant_keys"] == merchants
