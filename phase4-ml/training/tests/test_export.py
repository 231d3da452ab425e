import numpy as np
import pytest
import treelite

from fraud_features import FEATURES
from fraud_training.errors import ExportRefusedError
from fraud_training.export import TOLERANCE, base_value, check_parity, compile_forest, with_missing_values
from fraud_training.train import TrainedModel, TrainingData

MISSING = [feature.missing for feature in FEATURES]


def check(trained: TrainedModel, served: treelite.Model, vectors: np.ndarray) -> float:
    return check_parity(trained.forest, served, vectors)


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
    assert compile_forest(trained.forest).serialize_bytes() == trained.form.forest
