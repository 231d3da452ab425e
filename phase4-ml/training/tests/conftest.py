"""A small world of payments for every test of this project."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, FEATURES
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.dataset import Examples, Payments
from fraud_training.forest import ForestSettings
from fraud_training.labels import Label, LabelHistory
from fraud_training.split import DAY_US, plan_split
from fraud_training.train import TrainedModel, TrainingData, train_model
from fraud_training.warehouse import TableVersion

DAYS = 60
MATURITY_DAYS = 7
PAYMENTS = 8000
# the other columns stay constant, as where a deployment has no such input
BUSY_COLUMNS = 8
MISSING = [feature.missing for feature in FEATURES]
# columns that tell the frauds of this world, together and not one by one
TELLING = [column for column in range(len(FEATURES)) if column != AMOUNT_COLUMN][:2]


def make_payments(seed: int = 3) -> tuple[Payments, np.ndarray]:
    """60 days of payments and which of them are truly fraud."""
    generator = np.random.default_rng(seed)
    vectors = np.zeros((PAYMENTS, len(FEATURES)), dtype=np.float32)
    vectors[:, :BUSY_COLUMNS] = generator.normal(size=(PAYMENTS, BUSY_COLUMNS))
    vectors[:, AMOUNT_COLUMN] = np.exp(generator.normal(3, 1, PAYMENTS))
    risk = np.abs(vectors[:, TELLING]).sum(axis=1) + generator.normal(0, 0.1, PAYMENTS)
    frauds = risk > np.quantile(risk, 0.95)
    gaps = generator.random(vectors.shape) < 0.01
    vectors = np.where(gaps, np.array(MISSING, dtype=np.float32), vectors)
    payments = Payments.ordered(
        transaction_ids=[f"t{number:05d}" for number in range(PAYMENTS)],
        event_us=np.sort(generator.integers(0, DAYS * DAY_US, PAYMENTS)),
        cards=[f"c{number}" for number in generator.integers(0, 300, PAYMENTS)],
        vectors=vectors,
    )
    return payments, frauds


def make_labels(payments: Payments, frauds: np.ndarray) -> LabelHistory:
    """A label per fraud, one to six days after the payment."""
    delays = np.random.default_rng(5).integers(DAY_US, 6 * DAY_US, len(payments))
    return LabelHistory.of(
        Label(payments.transaction_ids[row], int(payments.event_us[row] + delays[row]), f"l{row}", True)
        for row in np.nonzero(frauds)[0]
    )


def cut(payments: Payments, history: LabelHistory) -> TrainingData:
    """The three periods of these payments, labelled as a training run would."""
    split = plan_split(int(payments.event_us[0]), int(payments.event_us[-1]), MATURITY_DAYS)

    def examples(start_us: int, end_us: int, known_before_us: int) -> Examples:
        rows = slice(*np.searchsorted(payments.event_us, [start_us, end_us]))
        part = Payments(
            payments.transaction_ids[rows], payments.event_us[rows], payments.cards[rows], payments.vectors[rows]
        )
        return Examples.labelled(part, history, known_before_us)

    now_us = split.maturation.end_us
    return TrainingData(
        split=split,
        train=examples(split.train.start_us, split.train.end_us, split.train_labels_before_us),
        validation=examples(split.validation.start_us, split.validation.end_us, now_us),
        test=examples(split.test.start_us, split.test.end_us, now_us),
        features_version=TableVersion("delta.gold.features", 4),
        labels_version=TableVersion("delta.silver.labels", 2),
    )


SMALL_FOREST = ForestSettings(trees=15, max_depth=8, max_features=0.5)


def fit(data: TrainingData, seed: int = SMALL_FOREST.seed) -> TrainedModel:
    """A small model of this data, with the real feature names."""
    return train_model(
        data,
        feature_names=FEATURE_NAMES,
        missing_values=MISSING,
        schema_hash="a" * 64,
        settings=replace(SMALL_FOREST, seed=seed),
    )


@pytest.fixture(scope="session")
def small_forest() -> ForestSettings:
    return SMALL_FOREST


@pytest.fixture(scope="session")
def payments_and_frauds() -> tuple[Payments, np.ndarray]:
    return make_payments()


@pytest.fixture(scope="session")
def label_history(payments_and_frauds: tuple[Payments, np.ndarray]) -> LabelHistory:
    return make_labels(*payments_and_frauds)


@pytest.fixture(scope="session")
def cut_periods() -> Callable[[Payments, LabelHistory], TrainingData]:
    return cut


@pytest.fixture(scope="session")
def train_on() -> Callable[..., TrainedModel]:
    return fit


@pytest.fixture(scope="session")
def training_data(payments_and_frauds: tuple[Payments, np.ndarray], label_history: LabelHistory) -> TrainingData:
    return cut(payments_and_frauds[0], label_history)


@pytest.fixture(scope="session")
def trained(training_data: TrainingData) -> TrainedModel:
    return fit(training_data)
