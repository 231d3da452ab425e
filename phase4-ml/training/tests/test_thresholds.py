from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.dataset import Examples, Payments
from fraud_training.split import DAY_US, Period
from fraud_training.thresholds import Costs, choose_thresholds, lowest_cost, outcome, within_capacity
from fraud_training.train import TrainedModel, TrainingData

SCORES = np.array([0.9, 0.8, 0.6, 0.6, 0.3, 0.1])
FRAUDS = np.array([True, False, True, False, True, False])
AMOUNTS = np.array([100.0, 7.0, 50.0, 7.0, 3.0, 7.0])


def alerts_at(threshold: float) -> int:
    return sum(bool(score >= threshold) for score in SCORES)


def brute_force(probabilities: np.ndarray, frauds: np.ndarray, amounts: np.ndarray, price: float) -> float:
    """The least cost of any threshold."""
    cuts = np.append(np.unique(probabilities), 1.1)
    return min(
        float(np.maximum(amounts, 0)[frauds & (probabilities < cut)].sum())
        + price * float((~frauds & (probabilities >= cut)).sum())
        for cut in cuts
    )


@pytest.mark.parametrize(
    ("price", "alerts"),
    # the first alert saves 100; the next four save 53 and cost two false alerts
    [(1, 5), (5, 5), (27, 1), (1000, 1), (0.0, 5)],
)
def test_the_cheapest_threshold_by_hand(price: float, alerts: int) -> None:
    threshold = lowest_cost(SCORES, FRAUDS, AMOUNTS, price)

    assert alerts_at(threshold) == alerts
    assert threshold not in SCORES


def test_no_alert_is_an_answer_where_alerts_cost_more_than_they_save() -> None:
    threshold = lowest_cost(np.array([0.9, 0.5]), np.array([False, True]), np.array([1.0, 2.0]), 10)

    assert 0.9 < threshold < 1


def test_no_threshold_is_cheaper() -> None:
    generator = np.random.default_rng(8)
    for price in (0.5, 5, 50, 500):
        probabilities = np.round(generator.random(400), 2)
        frauds = generator.random(400) < probabilities / 3
        amounts = generator.normal(10, 80, 400)
        threshold = lowest_cost(probabilities, frauds, amounts, price)
        missed = np.maximum(amounts, 0)[frauds & (probabilities < threshold)].sum()
        false_alerts = (~frauds & (probabilities >= threshold)).sum()
        assert missed + price * false_alerts == pytest.approx(brute_force(probabilities, frauds, amounts, price))


@pytest.mark.parametrize(
    ("days", "per_day", "alerts"), [(1, 1, 1), (1, 2, 2), (1, 3, 2), (2, 2, 4), (1, 9, 6), (0.5, 1, 0)]
)
def test_the_capacity_is_never_exceeded_on_the_average_day(days: float, per_day: int, alerts: int) -> None:
    # the two at 0.6 come together or not at all
    threshold = within_capacity(SCORES, days, per_day)

    assert alerts_at(threshold) == alerts


def test_what_a_threshold_gives_by_hand() -> None:
    vectors = np.zeros((6, AMOUNT_COLUMN + 1), dtype=np.float32)
    vectors[:, AMOUNT_COLUMN] = AMOUNTS
    examples = Examples(Payments.ordered(list("abcdef"), np.arange(6), ["c"] * 6, vectors), FRAUDS)

    given = outcome(examples, Period(0, 2 * DAY_US), SCORES, 0.5, false_positive=5)

    assert given == {
        "true_positives": 2,
        "false_positives": 2,
        "false_negatives": 1,
        "true_negatives": 1,
        "precision": 0.5,
        "recall": pytest.approx(2 / 3),
        "false_positive_rate": pytest.approx(2 / 3),
        "alerts_per_day": 2.0,
        "amount_of_frauds_found": 150.0,
        "amount_of_frauds_missed": 3.0,
        "cost": 13.0,
        "cost_without_alerts": 153.0,
    }


def test_thresholds_come_from_validation_and_not_from_test(training_data: TrainingData, trained: TrainedModel) -> None:
    validation, test = training_data.validation, training_data.test
    chosen = trained.form.manifest["thresholds"]
    probabilities = trained.form.probabilities(validation.payments.vectors)
    again = choose_thresholds(validation, training_data.split.validation, probabilities, Costs())

    assert {name: told["probability"] for name, told in chosen.items()} == {
        name: told["probability"] for name, told in again.items()
    }
    assert chosen.keys() == {"cost", "capacity"}
    for told in chosen.values():
        assert told["validation"]["true_positives"] + told["validation"]["false_negatives"] == validation.frauds.sum()
        assert told["test"]["true_positives"] + told["test"]["false_negatives"] == test.frauds.sum()
    assert chosen["capacity"]["validation"]["alerts_per_day"] <= Costs().alerts_per_day


def test_other_labels_of_the_test_period_change_no_threshold(
    training_data: TrainingData, trained: TrainedModel, train_on: Callable[..., TrainedModel]
) -> None:
    judged_otherwise = replace(training_data, test=Examples(training_data.test.payments, ~training_data.test.frauds))
    thresholds = train_on(judged_otherwise).form.manifest["thresholds"]

    for name, told in trained.form.manifest["thresholds"].items():
        assert thresholds[name]["probability"] == told["probability"]
        assert thresholds[name]["validation"] == told["validation"]
        assert thresholds[name]["test"] != told["test"]
