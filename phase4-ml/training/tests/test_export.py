from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import treelite

from fraud_features import FEATURES
from fraud_serving.engine import RiskTier, tier_of
from fraud_serving.engine.scoring import BLOCK_SCORE, REVIEW_SCORE
from fraud_training.errors import ExportRefusedError
from fraud_training.export import (
    PARITY_ROWS,
    TIERS,
    TOLERANCE,
    base_value,
    check_parity,
    compile_forest,
    parity_rows,
    with_missing_values,
)
from fraud_training.forest import trained_scores
from fraud_training.train import TrainedModel, TrainingData

MISSING = [feature.missing for feature in FEATURES]


def check(trained: TrainedModel, served: treelite.Model, vectors: np.ndarray, **thresholds: float) -> float:
    expected = trained_scores(trained.forest, trained.columns, vectors)
    return check_parity(expected, served, vectors, trained.form.calibration, thresholds or TIERS)


def test_the_gate_compares_a_hundred_thousand_rows_and_every_threshold_in_use(
    trained: TrainedModel, training_data: TrainingData
) -> None:
    parity = trained.form.manifest["parity"]
    vectors = training_data.test.payments.vectors
    rows = parity_rows(trained.forest, trained.columns, vectors, MISSING)

    assert parity["rows"] == len(rows) >= PARITY_ROWS == 100_000
    assert parity["thresholds"].keys() == {"MEDIUM", "HIGH", "CRITICAL", "cost", "capacity"}
    assert np.isfinite(rows).all()
    assert rows.dtype == np.float32
    # all payments as they are, rows that lack a value, and many that are no payment
    assert np.array_equal(rows[: len(vectors)], vectors)
    assert ((rows == np.float32(MISSING)).sum(axis=0) > len(rows) / 50).all()
    assert len(np.unique(rows, axis=0)) > 0.95 * PARITY_ROWS
    assert np.array_equal(rows, parity_rows(trained.forest, trained.columns, vectors, MISSING))


def test_rows_lie_on_both_sides_of_splits_and_on_them(trained: TrainedModel, training_data: TrainingData) -> None:
    rows = parity_rows(trained.forest, trained.columns, training_data.test.payments.vectors, MISSING, count=30_000)
    tree = trained.forest.estimators_[0].tree_
    at = np.float32(tree.threshold[0])
    values = rows[:, trained.columns[tree.feature[0]]]

    for number in (np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))):
        assert (values == number).any()


def test_a_large_period_is_sampled(trained: TrainedModel, training_data: TrainingData) -> None:
    vectors = training_data.test.payments.vectors
    rows = parity_rows(trained.forest, trained.columns, vectors, MISSING, count=len(vectors))

    assert len(rows) < len(vectors) // 2 + 60 * len(MISSING)


def test_the_tiers_are_those_of_the_api() -> None:
    for name, threshold in TIERS.items():
        assert tier_of(threshold) == RiskTier[name]
        assert tier_of(float(np.nextafter(threshold, 0))) != RiskTier[name]
    assert {round(BLOCK_SCORE / 100, 9), round(REVIEW_SCORE / 100, 9)} <= set(TIERS.values())


def test_a_flipped_decision_is_refused_however_small_the_difference(
    trained: TrainedModel, training_data: TrainingData
) -> None:
    vectors = training_data.test.payments.vectors
    expected = trained_scores(trained.forest, trained.columns, vectors)
    on_the_edge = float(trained.form.calibration(expected)[0])
    slightly_less = expected.copy()
    slightly_less[0] -= 1e-9

    with pytest.raises(ExportRefusedError, match=r"decides otherwise .* on 1 of \d+ rows at the threshold mine"):
        check_parity(slightly_less, trained.form.model, vectors, trained.form.calibration, {"mine": on_the_edge})
    assert check(trained, trained.form.model, vectors, mine=on_the_edge) <= TOLERANCE


def test_a_gate_that_finds_a_difference_ends_the_run(
    training_data: TrainingData, train_on: Callable[..., TrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(*arguments: Any) -> treelite.Model:
        return corrupted(compile_forest(*arguments), 0.5)

    monkeypatch.setattr("fraud_training.train.compile_forest", careless)
    with pytest.raises(ExportRefusedError):
        train_on(training_data)


def corrupted(served: treelite.Model, value: float) -> treelite.Model:
    """The same forest with another threshold at the root of its first tree."""
    broken = treelite.Model.deserialize_bytes(served.serialize_bytes())
    tree = broken.get_tree_accessor(0)
    thresholds = tree.get_field("threshold").copy()
    thresholds[0] += value
    tree.set_field("threshold", thresholds)
    return broken


def test_served_forest_equals_the_trained_one_with_and_without_missing_values(
    trained: TrainedModel, training_data: TrainingData
) -> None:
    vectors = training_data.test.payments.vectors
    missing = with_missing_values(vectors, MISSING)

    assert check(trained, trained.form.model, vectors) <= TOLERANCE
    assert check(trained, trained.form.model, missing) <= TOLERANCE
    assert trained.parity_difference <= TOLERANCE


def test_every_feature_goes_missing_once(training_data: TrainingData) -> None:
    vectors = training_data.test.payments.vectors
    rows = with_missing_values(vectors, MISSING)

    assert rows[0].tolist() == MISSING
    blocks = rows[1:].reshape(len(MISSING), -1, len(MISSING))
    assert all((blocks[column, :, column] == code).all() for column, code in enumerate(MISSING))


def test_a_corrupted_threshold_is_refused(trained: TrainedModel, training_data: TrainingData) -> None:
    vectors = training_data.test.payments.vectors

    with pytest.raises(ExportRefusedError, match="Nothing was registered"):
        check(trained, corrupted(trained.form.model, 0.5), vectors)


def test_a_score_that_is_no_number_is_refused(trained: TrainedModel, training_data: TrainingData) -> None:
    served = treelite.Model.deserialize_bytes(trained.form.forest)
    leaves = served.get_tree_accessor(0)
    leaves.set_field("leaf_vector", np.full_like(leaves.get_field("leaf_vector"), np.nan))

    with pytest.raises(ExportRefusedError):
        check(trained, served, training_data.test.payments.vectors)


def test_base_value_is_what_an_empty_path_says(trained: TrainedModel) -> None:
    shares = [tree.tree_.value[0, 0, 1] / tree.tree_.value[0, 0].sum() for tree in trained.forest.estimators_]

    assert base_value(trained.forest) == pytest.approx(np.mean(shares))


def test_compiling_twice_gives_the_same_bytes(trained: TrainedModel) -> None:
    again = compile_forest(trained.forest, trained.columns, len(FEATURES))
    assert again.serialize_bytes() == trained.form.forest
