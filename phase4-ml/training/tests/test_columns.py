from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fraud_contracts import REGISTERED_MODEL
from fraud_features import FEATURE_NAMES
from fraud_serving.model_bundle import Bundle, Model
from fraud_training.columns import varying_columns
from fraud_training.dataset import Examples
from fraud_training.errors import DataError
from fraud_training.forest import trained_scores
from fraud_training.model_card import model_card
from fraud_training.train import TrainedModel, TrainingData

# a column that tells frauds in this world, and one that does not
SILENT = (1, 5)


def without(data: TrainingData, columns: tuple[int, ...]) -> TrainingData:
    """As where the training period lacks these inputs; later periods have them."""
    vectors = data.train.payments.vectors.copy()
    vectors[:, list(columns)] = -1
    return replace(data, train=Examples(replace(data.train.payments, vectors=vectors), data.train.frauds))


@pytest.fixture(scope="module")
def lacking(training_data: TrainingData, train_on: Callable[..., TrainedModel]) -> TrainedModel:
    return train_on(without(training_data, SILENT))


def test_columns_with_one_value_are_told() -> None:
    vectors = np.array([[1, 5, -1, 0], [1, 6, -1, 0], [1, 5, -1, 1]], dtype=np.float32)

    assert varying_columns(vectors).tolist() == [1, 3]


def test_nothing_to_learn_from_is_one_sentence_with_the_remedy() -> None:
    with pytest.raises(DataError, match="one and the same value"):
        varying_columns(np.ones((5, 3), dtype=np.float32))


def test_constant_features_are_named_in_manifest_and_model_card(lacking: TrainedModel, trained: TrainedModel) -> None:
    names = [FEATURE_NAMES[column] for column in SILENT]
    dropped = set(lacking.form.manifest["dropped_features"])

    assert dropped - set(trained.form.manifest["dropped_features"]) == set(names)
    assert len(dropped) + lacking.columns.size == len(FEATURE_NAMES)
    card = model_card(lacking)
    assert all(f"`{name}`" in card for name in names)


def test_the_served_form_takes_whole_vectors_and_never_looks_at_what_was_dropped(
    lacking: TrainedModel, training_data: TrainingData
) -> None:
    vectors = training_data.test.payments.vectors
    changed = vectors.copy()
    changed[:, list(SILENT)] = 1e6
    served = lacking.form

    assert served.model.num_feature == len(FEATURE_NAMES)
    assert np.array_equal(served.probabilities(vectors), served.probabilities(changed))
    # and looks at the rest where it is in the whole vector
    expected = served.calibration(trained_scores(lacking.forest, lacking.columns, vectors))
    assert served.probabilities(vectors) == pytest.approx(expected, abs=1e-6)


def test_the_api_loads_it(lacking: TrainedModel, training_data: TrainingData) -> None:
    form = lacking.form
    assert form.manifest["model_name"] == REGISTERED_MODEL
    bundle = Bundle("1", form.manifest_bytes, form.forest, form.manifest_sha256, form.sha256, "a" * 64)
    model = Model.load(bundle, "a" * 64)

    vectors = training_data.test.payments.vectors[:50]
    assert [model.score(vector)[1] for vector in vectors] == pytest.approx(form.probabilities(vectors), abs=1e-12)
