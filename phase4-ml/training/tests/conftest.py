"""A small world of payments for every test of this project."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, FEATURES
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.dataset import Payments
from fraud_training.forest import ForestSettings
from fraud_training.labels import Label, LabelHistory
from fraud_training.search import Limits
from fraud_training.split import DAY_US, Period
from fraud_training.train import TrainedModel, TrainingData, read_training_data, train_model
from fraud_training.warehouse import TableVersion, Warehouse

DAYS = 60
MATURITY_DAYS = 7
PAYMENTS = 8000
# the other columns stay constant, as where a deployment has no such input
BUSY_COLUMNS = 8
FRAUD_TYPES = ("velocity_burst", "bust_out", None)
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
        Label(
            transaction_id=payments.transaction_ids[row],
            known_us=int(payments.event_us[row] + delays[row]),
            label_id=f"l{row}",
            is_fraud=True,
            fraud_type=FRAUD_TYPES[row % len(FRAUD_TYPES)],
            event_us=int(payments.event_us[row]),
            card=payments.card_names[payments.cards[row]],
        )
        for row in np.nonzero(frauds)[0]
    )


class MemoryWarehouse(Warehouse):
    """Gives what a run reads from these payments and labels."""

    def __init__(self, payments: Payments, history: LabelHistory) -> None:
        self._payments = payments
        self._history = history

    def event_range(self, _: TableVersion) -> Period:
        return Period(int(self._payments.event_us[0]), int(self._payments.event_us[-1]) + 1)

    def labels(self, _: TableVersion, __: TableVersion) -> LabelHistory:
        return self._history

    def payments(self, _: TableVersion, __: Sequence[str], period: Period) -> Payments:
        given = self._payments
        rows = slice(*np.searchsorted(given.event_us, [period.start_us, period.end_us]))
        return Payments(
            given.transaction_ids[rows],
            given.event_us[rows],
            given.cards[rows],
            given.vectors[rows],
            given.card_names,
        )


def cut(payments: Payments, history: LabelHistory) -> TrainingData:
    """The three periods of these payments, read and labelled as a training run does."""
    features, labels = TableVersion("delta.gold.features", 4), TableVersion("delta.silver.labels", 2)
    return read_training_data(
        MemoryWarehouse(payments, history), features, labels, FEATURE_NAMES, maturity_days=MATURITY_DAYS
    )


SMALL_FOREST = ForestSettings(trees=15, max_depth=8, max_features=0.5)


def fit(data: TrainingData, search: Limits | None = None, **settings: Any) -> TrainedModel:
    """A small model of this data, with the real feature names.

    Args:
        settings: of the forest, where they are others than ``SMALL_FOREST``'s.
    """
    return train_model(
        data,
        feature_names=FEATURE_NAMES,
        missing_values=MISSING,
        schema_hash="a" * 64,
        settings=replace(SMALL_FOREST, **settings),
        search=search,
    )


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
def memory_warehouse() -> type[MemoryWarehouse]:
    return MemoryWarehouse


@pytest.fixture(scope="session")
def train_on() -> Callable[..., TrainedModel]:
    return fit


@pytest.fixture(scope="session")
def training_data(payments_and_frauds: tuple[Payments, np.ndarray], label_history: LabelHistory) -> TrainingData:
    return cut(payments_and_frauds[0], label_history)


@pytest.fixture(scope="session")
def trained(training_data: TrainingData) -> TrainedModel:
    return fit(training_data)
