from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from fraud_training.dataset import Examples, Payments
from fraud_training.drift import REFERENCE
from fraud_training.errors import DataError
from fraud_training.forest import ForestSettings, sample_rows
from fraud_training.labels import Label, LabelHistory
from fraud_training.metrics import average_precision
from fraud_training.search import Limits
from fraud_training.train import TrainedModel, TrainingData

Fit = Callable[..., TrainedModel]


def scrambled(history: LabelHistory, anybody: Sequence[str], since_us: int, until_us: int) -> LabelHistory:
    """The same labels, but those known within a span say something else about anybody's payment, old or new."""
    labels = list(history.labels)
    chosen = [index for index, label in enumerate(labels) if since_us <= label.known_us < until_us]
    names = np.random.default_rng(9).choice(anybody, size=len(chosen), replace=False)
    for index, name in zip(chosen, names, strict=True):
        labels[index] = labels[index]._replace(transaction_id=str(name), is_fraud=index % 3 == 0)
    return LabelHistory.of(labels)


@dataclass(frozen=True)
class World:
    payments: Payments
    labels: LabelHistory
    cut: Callable[[Payments, LabelHistory], TrainingData]

    def with_scrambled_labels(self, since_us: int, until_us: int) -> TrainingData:
        return self.cut(self.payments, scrambled(self.labels, self.payments.transaction_ids, since_us, until_us))


@pytest.fixture
def world(
    payments_and_frauds: tuple[Payments, np.ndarray],
    label_history: LabelHistory,
    cut_periods: Callable[[Payments, LabelHistory], TrainingData],
) -> World:
    return World(payments_and_frauds[0], label_history, cut_periods)


def training_bytes(data: TrainingData) -> bytes:
    train = data.train
    return b"".join(
        (
            "\n".join(train.payments.transaction_ids).encode(),
            train.payments.event_us.tobytes(),
            train.payments.vectors.tobytes(),
            train.frauds.tobytes(),
        )
    )


def test_labels_known_after_the_cut_off_change_neither_training_set_nor_forest(
    world: World, training_data: TrainingData, trained: TrainedModel, train_on: Fit
) -> None:
    cut_off = training_data.split.train_labels_before_us
    later = world.with_scrambled_labels(cut_off, 2**62)

    assert not np.array_equal(later.test.frauds, training_data.test.frauds)
    assert training_bytes(later) == training_bytes(training_data)
    assert train_on(later).form.sha256 == trained.form.sha256


def made_of(model: TrainedModel) -> dict[str, Any]:
    """Everything that the model is made of, without how well it did in the test period."""
    manifest = {key: value for key, value in model.form.manifest.items() if key not in ("metrics", "thresholds")}
    thresholds = model.form.manifest["thresholds"]
    return manifest | {
        "forest": model.form.forest,
        "chosen among": [replace(trial, seconds=0) for trial in model.trials],
        "thresholds": {
            name: {key: value for key, value in told.items() if key != "test"} for name, told in thresholds.items()
        },
    }


def test_with_the_search_too_scrambled_labels_leave_the_model_byte_identical(
    world: World, training_data: TrainingData, train_on: Fit
) -> None:
    def searched(data: TrainingData) -> TrainedModel:
        # far too few features per split: another candidate surely wins
        return train_on(data, search=Limits(trees=5, train_rows=1000, validation_rows=1000), max_features=0.05)

    split, model = training_data.split, searched(training_data)
    made, chosen = made_of(model), model.form.manifest["forest_settings"]
    after = searched(world.with_scrambled_labels(split.validation_labels_before_us, 2**62))
    assert after.metrics != model.metrics
    assert made_of(after) == made
    assert (after.form.sha256, after.settings) == (model.form.sha256, model.settings)

    # what became known between training's cut-off and validation's does choose settings, calibration and thresholds
    assert model.settings.max_features != 0.05
    between = world.with_scrambled_labels(split.train_labels_before_us, split.validation_labels_before_us)
    assert training_bytes(between) == training_bytes(training_data)
    otherwise = made_of(searched(between))
    differing = {part for part in made if otherwise[part] != made[part]}
    assert differing >= {"forest", "forest_settings", "chosen among", "calibration", "thresholds", REFERENCE}
    assert otherwise["forest_settings"] != chosen


def test_labels_known_before_the_cut_off_change_both(
    world: World, training_data: TrainingData, trained: TrainedModel, train_on: Fit
) -> None:
    cut_off = training_data.split.train_labels_before_us
    earlier = world.with_scrambled_labels(0, cut_off)

    assert training_bytes(earlier) != training_bytes(training_data)
    assert train_on(earlier).form.sha256 != trained.form.sha256


def test_the_same_data_gives_the_same_files(training_data: TrainingData, trained: TrainedModel, train_on: Fit) -> None:
    again = train_on(training_data)
    other = train_on(training_data, seed=8)

    assert again.form.sha256 == trained.form.sha256
    assert again.form.manifest_bytes == trained.form.manifest_bytes
    assert other.form.sha256 != trained.form.sha256


def test_the_order_of_reading_does_not_matter(payments_and_frauds: tuple[Payments, np.ndarray]) -> None:
    payments, _ = payments_and_frauds
    shuffle = np.random.default_rng(0).permutation(len(payments))

    again = Payments.ordered(
        [payments.transaction_ids[row] for row in shuffle],
        payments.event_us[shuffle],
        [f"{payments.cards[row]:06d}" for row in shuffle],
        payments.vectors[shuffle],
    )

    assert again.transaction_ids == payments.transaction_ids
    assert np.array_equal(again.vectors, payments.vectors)
    assert np.array_equal(again.cards, payments.cards)


def test_the_forest_beats_the_baselines_where_there_is_something_to_learn(trained: TrainedModel) -> None:
    metrics = trained.metrics

    assert metrics["auc"] > 0.9
    assert metrics["average_precision_over_logistic_low"] > 0
    assert metrics["average_precision_over_amount_low"] > 0
    assert metrics["average_precision_low"] < metrics["average_precision"] < metrics["average_precision_high"]
    assert metrics["card_precision_at_100"] <= metrics["card_precision_at_100_ceiling"]


def test_the_reported_figures_are_those_of_the_served_form(trained: TrainedModel, training_data: TrainingData) -> None:
    test = training_data.test
    served = trained.form.probabilities(test.payments.vectors)

    assert trained.form.manifest["metrics"] == trained.metrics
    assert average_precision(served, test.frauds) == trained.metrics["average_precision"]


def test_calibration_comes_from_validation_and_not_from_test(
    training_data: TrainingData, trained: TrainedModel, train_on: Fit
) -> None:
    test = training_data.test
    other_test = replace(training_data, test=Examples(test.payments, ~test.frauds))
    validation = training_data.validation
    other_validation = replace(training_data, validation=Examples(validation.payments, ~validation.frauds))

    judged_otherwise = train_on(other_test).form
    assert judged_otherwise.calibration == trained.form.calibration
    assert train_on(other_validation).form.calibration != trained.form.calibration


@pytest.mark.parametrize(("known_after_us", "counts"), [(-1, True), (0, False)])
def test_what_the_test_period_made_known_of_validation_is_not_used(
    world: World, training_data: TrainingData, known_after_us: int, counts: bool
) -> None:
    validation = training_data.validation
    legitimate = validation.payments.transaction_ids[int(np.argmin(validation.frauds))]
    late = Label(legitimate, training_data.split.test.start_us + known_after_us, "late", True)
    data = world.cut(world.payments, LabelHistory.of([*world.labels.labels, late]))

    assert data.validation.frauds.sum() - validation.frauds.sum() == counts


def test_validation_is_judged_by_labels_that_had_their_time(
    payments_and_frauds: tuple[Payments, np.ndarray], training_data: TrainingData
) -> None:
    payments, frauds = payments_and_frauds
    truth = dict(zip(payments.transaction_ids, frauds, strict=True))
    validation = training_data.validation

    assert validation.frauds.tolist() == [truth[name] for name in validation.payments.transaction_ids]


def test_sampling_keeps_every_fraud_and_the_order() -> None:
    frauds = np.arange(10_000) % 500 == 0
    rows = sample_rows(frauds, ForestSettings(negatives_per_fraud=10))

    assert frauds[rows].sum() == 20
    assert rows.size == 220
    assert np.all(np.diff(rows) > 0)


def test_a_period_without_frauds_says_what_is_missing(training_data: TrainingData) -> None:
    payments = training_data.test.payments
    none, every = np.zeros(len(payments), dtype=np.bool_), np.ones(len(payments), dtype=np.bool_)

    with pytest.raises(DataError, match=r"The test period holds 0 known frauds in \d+ payments and needs 5"):
        Examples(payments, none).require("test", 5)
    with pytest.raises(DataError, match="no legitimate payment"):
        Examples(payments, every).require("test", 5)


def test_a_vector_without_a_number_is_refused(payments_and_frauds: tuple[Payments, np.ndarray]) -> None:
    payments, _ = payments_and_frauds
    vectors = payments.vectors[:1].copy()
    vectors[0, 0] = np.nan

    with pytest.raises(DataError, match="explicit number"):
        Payments.ordered(["t"], payments.event_us[:1], ["c"], vectors)
