import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fraud_training.cli import app

pytestmark = pytest.mark.integration


def test_a_backtest_over_what_is_in_gold(
    stack: Any, tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.need("trino")
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    asked = ("--train-days", "7", "--delay-days", "5", "--test-days", "7", "--folds", "2", "--trees", "20")
    source = ("--trino-user", "dbt", "--features-table", tables.features, "--labels-table", tables.labels)

    done = CliRunner().invoke(app, ["backtest", *asked, *source, "--report-dir", str(tmp_path)], catch_exceptions=False)

    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    report = json.loads((tmp_path / "backtest.json").read_text())
    assert answer["report"] == str(tmp_path / "backtest.json")
    assert answer["folds"] == len(report["folds"]) == 2
    assert answer["summary"] == report["summary"]
    assert report["summary"].keys() == {"forest", "logistic", "amount", "isolation_forest"}
    assert report["data_version"]["features"]["table"] == tables.features
    forest, logistic = (report["summary"][model]["average_precision"]["mean"] for model in ("forest", "logistic"))
    assert forest > 2 * logistic
    assert "fold 2 of 2" in done.stderr
    assert "±" in done.stderr
