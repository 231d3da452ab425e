from pathlib import Path

import pytest

from fraud_training.drift import Bounds
from fraud_training.errors import TrainingError
from fraud_training.retraining import Rule
from fraud_training.settings import Settings
from fraud_training.thresholds import Costs


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRINO_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")
    monkeypatch.setenv("FRAUD_FEATURES_LABEL_MATURITY_DAYS", "9")
    monkeypatch.setenv("PROMOTION_MIN_AUC", "0.8")


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment()

    assert settings.trino_url == "http://127.0.0.1:1"
    assert settings.mlflow_tracking_uri == "http://127.0.0.1:2"
    assert settings.label_maturity_days == 9
    assert settings.promotion_min_auc == 0.8


def test_reports_go_to_the_state_folder_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_STATE_DIR", raising=False)
    monkeypatch.setenv("FRAUD_TRAINING_REPORTS_DIR", "")
    assert Settings.from_environment().reports_dir == Path("var/reports")
    monkeypatch.setenv("FRAUD_STATE_DIR", "/opt/state")
    assert Settings.from_environment().reports_dir == Path("/opt/state/reports")
    monkeypatch.setenv("FRAUD_TRAINING_REPORTS_DIR", "/elsewhere")
    assert Settings.from_environment().reports_dir == Path("/elsewhere")


def test_costs_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().costs == Costs(false_positive=5, alerts_per_day=100)
    monkeypatch.setenv("FRAUD_TRAINING_FALSE_POSITIVE_COST", "12.5")
    monkeypatch.setenv("FRAUD_TRAINING_ALERTS_PER_DAY", "40")
    assert Settings.from_environment().costs == Costs(false_positive=12.5, alerts_per_day=40)
    monkeypatch.setenv("FRAUD_TRAINING_ALERTS_PER_DAY", "0")
    with pytest.raises(TrainingError, match="FRAUD_TRAINING_ALERTS_PER_DAY is wrong"):
        Settings.from_environment()


def test_the_defaults_are_those_of_env_example_and_of_the_rule() -> None:
    example = (Path(__file__).parents[3] / ".env.example").read_text(encoding="utf-8")
    given = dict(line.split("=", 1) for line in example.splitlines() if line.startswith("FRAUD_TRAINING_"))
    named = {str(field.validation_alias): field.default for field in Settings.model_fields.values()}
    for name, value in given.items():
        assert str(named[name]).lower().removesuffix(".0") == value, name
    settings = Settings.from_environment()
    assert (settings.bounds, settings.rule) == (Bounds(), Rule())


def test_bounds_of_drift_and_the_rule_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DRIFT_NOTICE": "0.2",
        "DRIFT_BOUND": "0.5",
        "DRIFT_DAYS": "14",
        "DRIFTED_FEATURES": "4",
        "LEAST_PERFORMANCE": "0.7",
        "OLDEST_MODEL_DAYS": "60",
        "REST_DAYS": "1",
    }.items():
        monkeypatch.setenv(f"FRAUD_TRAINING_{name}", value)
    settings = Settings.from_environment()
    assert (settings.bounds, settings.drift_days) == (Bounds(notice=0.2, drift=0.5), 14)
    assert settings.rule == Rule(drift=0.5, features=4, performance=0.7, age_days=60, rest_days=1)
    monkeypatch.setenv("FRAUD_TRAINING_DRIFT_BOUND", "0")
    with pytest.raises(TrainingError, match="FRAUD_TRAINING_DRIFT_BOUND is wrong"):
        Settings.from_environment()


def test_an_empty_floor_is_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMOTION_MIN_AUC", "")

    assert Settings.from_environment().promotion_min_auc is None


@pytest.mark.parametrize("name", ["TRINO_URL", "MLFLOW_TRACKING_URI"])
def test_a_missing_endpoint_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")

    with pytest.raises(TrainingError, match=f"{name} is not set"):
        Settings.from_environment()


def test_a_wrong_number_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMOTION_MIN_AUC", "ninety")

    with pytest.raises(TrainingError, match=r"(?i)promotion_min_auc"):
        Settings.from_environment()
