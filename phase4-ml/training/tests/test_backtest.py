import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, FEATURES
from fraud_training.anomaly import ISOLATION
from fraud_training.backtest import run_backtest, summarise, table
from fraud_training.dataset import Payments
from fraud_training.errors import DataError
from fraud_training.folds import Lengths
from fraud_training.forest import ForestSettings
from fraud_training.labels import Label, LabelHistory
from fraud_training.split import microseconds
from fraud_training.warehouse import TableVersion, Warehouse

WEEKS = Lengths(7, 7, 7)
FOREST = ForestSettings(trees=10, max_depth=8, max_features=0.5)
GOLD, SILVER = TableVersion("delta.gold.features", 4), TableVersion("delta.silver.labels", 2)


class Asked:
    """Runs a backtest on payments and labels in memory, and keeps what it said."""

    def __init__(self, given: type[Warehouse], payments: Payments, labels: LabelHistory) -> None:
        self.given, self.payments, self.labels = given, payments, labels
        self.said: list[str] = []

    def run(self, labels: LabelHistory | None = None, **options: int | None) -> dict[str, Any]:
        warehouse = self.given(self.payments, labels or self.labels)  # type: ignore[arg-type, call-arg]
        return run_backtest(
            warehouse, GOLD, SILVER, FEATURE_NAMES, WEEKS, settings=FOREST, say=self.said.append, **options
        )


@pytest.fixture
def asked(
    memory_warehouse: type[Warehouse], payments_and_frauds: tuple[Payments, np.ndarray], label_history: LabelHistory
) -> Asked:
    return Asked(memory_warehouse, payments_and_frauds[0], label_history)


def test_every_fold_judges_forest_baselines_and_isolation_forest(asked: Asked) -> None:
    report = asked.run()

    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert len(report["folds"]) == 4
    for fold in report["folds"]:
        assert fold["models"].keys() == {"forest", "logistic", "amount", ISOLATION}
        assert fold["models"]["forest"]["average_precision"] > fold["models"]["logistic"]["average_precision"]
        # in this world the first columns vary; most others are missing in one row of a hundred, which is not zero
        dropped = set(fold["dropped_features"])
        assert {feature.name for feature in FEATURES[8:] if feature.missing == 0} <= dropped
        assert {feature.name for feature in FEATURES[:8]}.isdisjoint(dropped)
        assert len(dropped) < len(FEATURES) / 2
    tests = [fold["test"] for fold in report["folds"]]
    assert [test["start"] for test in tests[1:]] == [test["end"] for test in tests[:-1]]
    assert sum("fold 2 of 4" in line for line in asked.said) == 2
    assert asked.run() == report


def test_the_isolation_forest_finds_what_is_unlike_the_rest_by_each_folds_own_days(
    asked: Asked, payments_and_frauds: tuple[Payments, np.ndarray]
) -> None:
    payments, frauds = payments_and_frauds
    vectors = payments.vectors.copy()
    vectors[frauds, :8] *= 10
    asked.payments = replace(payments, vectors=vectors)
    found = [fold["models"][ISOLATION]["auc"] for fold in asked.run()["folds"]]

    assert min(found) > 0.7
    assert len(set(found)) == 4


def test_mean_and_deviation_are_over_the_folds(asked: Asked) -> None:
    report = asked.run(folds=3)
    values = [fold["models"]["forest"]["auc"] for fold in report["folds"]]

    told = report["summary"]["forest"]["auc"]
    assert told["mean"] == pytest.approx(np.mean(values))
    assert told["standard_deviation"] == pytest.approx(np.std(values, ddof=1))
    assert f"{told['mean']:.3f} ± {told['standard_deviation']:.3f}" in table(report)
    lines = table(report).splitlines()
    assert [line.split()[0] for line in lines] == ["model", *report["summary"]]
    assert len(set(map(len, lines))) == 1
    alone = summarise([report["folds"][0]["models"]])
    assert alone["forest"]["auc"] == {"mean": values[0], "standard_deviation": None}


def test_a_label_known_after_the_cut_off_trains_no_fold(asked: Asked) -> None:
    (fold,) = asked.run(folds=1)["folds"]
    begin, end, cut_off = (
        microseconds(moment) for moment in (*list(fold["train"].values())[:2], fold["test"]["start"])
    )
    # what becomes known of the training days just before the cut-off, or at it
    of_training = [label for label in asked.labels.labels if begin <= (label.event_us or 0) < end]
    others = [label for label in asked.labels.labels if label not in of_training]
    late = [label._replace(known_us=cut_off) for label in of_training]
    just = [label._replace(known_us=cut_off - 1) for label in of_training]

    assert fold["train"]["known_frauds"] == len(of_training)
    with pytest.raises(DataError, match=r"The training \(fold 1, .* holds 0 known frauds"):
        asked.run(LabelHistory.of([*others, *late]), folds=1)
    (again,) = asked.run(LabelHistory.of([*others, *just]), folds=1)["folds"]
    assert again["train"] == fold["train"]


def test_cards_known_since_training_began_are_left_out(asked: Asked) -> None:
    (fold,) = asked.run(folds=1)["folds"]
    without = LabelHistory.of(replace_cards(asked.labels))
    (unknown,) = asked.run(without, folds=1)["folds"]

    first, second = fold["models"]["forest"], unknown["models"]["forest"]
    assert first["auc"] == second["auc"]
    assert first["card_precision_at_100"] != second["card_precision_at_100"]


def replace_cards(labels: LabelHistory) -> list[Label]:
    return [label._replace(card=None) for label in labels.labels]


def test_days_without_fraud_are_named(asked: Asked) -> None:
    with pytest.raises(DataError, match=r"The training \(fold 1, \d{4}-\d\d-\d\d to .* holds 0 known frauds"):
        asked.run(LabelHistory.of([asked.labels.labels[-1]]))


def test_one_fold_is_read_at_a_time(asked: Asked) -> None:
    read: list[float] = []
    given = asked.given

    class Counting(given):  # type: ignore[misc, valid-type]
        def payments(self, *arguments: object) -> Payments:
            read.append(arguments[-1].days)  # type: ignore[attr-defined]
            return super().payments(*arguments)

    asked.given = Counting
    asked.run(folds=2)
    assert read == [7, 7, 7, 7]
