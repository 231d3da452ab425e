import sys

import pytest
import requests
import trino
from mlflow.exceptions import MlflowException

from fraud_training.cli import main
from fraud_training.failures import explain


def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says on stderr, which ends with exit code 1."""
    monkeypatch.setattr(sys, "argv", ["fraud-training", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRINO_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")


@pytest.mark.parametrize("command", ["train", "promote", "rollback", "show", "history", "drift", "shadow", "due"])
def test_mlflow_is_asked_first_and_named_when_it_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    said = fails(monkeypatch, capsys, command)
    assert said.startswith("fraud-training: MLflow does not answer at http://127.0.0.1:2")
    assert "`make start SERVICE=mlflow`" in said
    assert len(said.splitlines()) == 1


def test_a_backtest_needs_no_registry_and_names_trino_when_it_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = fails(monkeypatch, capsys, "backtest", "--from", "2026-09-01")
    assert said == "fraud-training: Trino does not answer at http://127.0.0.1:1: start it with `make phase3-up`.\n"


@pytest.mark.parametrize(
    ("name", "value"), [("FRAUD_FEATURES_PROFILE_LAG_HOURS", "24"), ("FRAUD_FEATURES_LABEL_MATURITY_DAYS", "soon")]
)
def test_a_wrong_setting_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = fails(monkeypatch, capsys, "train")
    assert said.startswith(f"fraud-training: {name} ")
    assert "correct it in .env" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "service"),
    [
        (MlflowException("API request\nfailed"), "SERVICE=mlflow"),
        (trino.exceptions.TrinoConnectionError("refused"), "SERVICE=trino"),
        (trino.exceptions.Http503Error("starting"), "SERVICE=trino"),
        (requests.Timeout(), "make status"),
    ],
)
def test_what_goes_away_in_between_is_one_sentence(error: Exception, service: str) -> None:
    sentence = explain(error)
    assert sentence is not None
    assert service in sentence
    assert "\n" not in sentence


def test_a_fault_of_ours_is_not_explained_away() -> None:
    assert explain(KeyError("a fault")) is None
