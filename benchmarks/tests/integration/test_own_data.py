"""A file of another make on the real components: nothing is lost, the forest is worth it, and becomes champion."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from fraud_benchmarks.own_data import benchmark
from fraud_benchmarks.own_data.backtest import tables_of
from fraud_benchmarks.own_data.memory import PeakMemory
from fraud_benchmarks.own_data.world import WorldSize
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.transforms.history import History

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# of average precision, between the forest and the best of what it is shown beside
MARGIN = 0.05


class Champion:
    """Takes a model of a history's Gold through the gates, under a name of its own, and keeps what was answered."""

    def __init__(self, stack: Any, reports: Path) -> None:
        self._stack, self._reports = stack, reports
        self._name = f"own_data_{uuid.uuid4().hex[:8]}"
        self.trained: dict[str, Any] = {}
        self.report: dict[str, Any] = {}
        self.refused: dict[str, Any] = {}
        self.promoted: dict[str, Any] = {}
        self.shown: dict[str, Any] = {}

    def make(self, history: History) -> None:
        self.trained = self._command("train", *tables_of(history), "--report-dir", str(self._reports))
        self.report = json.loads(Path(self.trained["report"]).read_text(encoding="utf-8"))
        self.refused = self._command("promote", "--trino-user", "dbt")
        self.promoted = self._command("promote", "--trino-user", "dbt", "--own-data", "--require")
        self.shown = self._command("show")

    def _command(self, *arguments: str) -> dict[str, Any]:
        done = self._stack.run(
            ["fraud-training", *arguments, "--model-name", self._name],
            # a floor of the simulator that no model reaches
            env={"PROMOTION_MIN_AUC": "1"},
            timeout=900,
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


def test_a_file_that_the_platform_knows_nothing_of_gives_a_forest_that_beats_the_baselines_and_becomes_champion(
    stack: Any, tmp_path: Path
) -> None:
    stack.need(*benchmark.SERVICES, "mlflow")
    platform = PlatformStack()
    platform.env = stack.env
    platform.work.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    size = WorldSize(payments=150_000, customers=1_500, merchants=3_000, days=75)
    champion = Champion(stack, tmp_path)
    with PeakMemory() as memory:
        found = {result.id: result for result in benchmark.run(platform, size, memory, said.append, champion.make)}
    assert not found["OWN"].is_void, said
    precision = found["OWN.average_precision"]
    assert precision.peers.keys() == {"logistic", "amount", "isolation_forest"}
    assert precision.ours is not None
    assert precision.ours > max(value for value in precision.peers.values() if value is not None) + MARGIN
    # absent fields make constant features, which are dropped with a notice
    assert any("dropped" in line and "transaction_channel" in line for line in said)
    assert any("mart_fraud_features" in line for line in said)

    # the five columns are enough for a champion; only the floor made for the simulator's payments is in its way
    assert "transaction_channel" in champion.report["dropped_features"]
    assert champion.report["by_fraud_type"]["kinds"] == []
    assert champion.trained["average_precision"] > champion.trained["baseline_average_precision"]
    assert champion.refused["decision"] == "stays_candidate"
    assert "PROMOTION_MIN_AUC 1" in champion.refused["reason"]
    assert (champion.promoted["decision"], champion.promoted["champion"]) == ("champion", 1)
    assert (champion.shown["version"], champion.shown["alias"]) == (1, "champion")
    assert champion.shown["average_precision"] == champion.trained["average_precision"]
