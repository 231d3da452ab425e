from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow.sklearn
import numpy as np

from fraud_training.anomaly import ROWS_PER_TREE, SEED, TREES, anomaly_scores, fit_isolation_forest
from fraud_training.dataset import Examples
from fraud_training.tracking import write_sklearn
from fraud_training.train import TrainedModel, TrainingData


def test_what_is_unlike_the_others_scores_higher() -> None:
    generator = np.random.default_rng(0)
    usual = generator.normal(size=(2000, 4)).astype(np.float32)
    forest = fit_isolation_forest(usual)
    odd = np.full((20, 4), 6, dtype=np.float32)

    assert (forest.n_estimators, forest.max_samples, forest.random_state) == (TREES, ROWS_PER_TREE, SEED)
    assert anomaly_scores(forest, odd).min() > np.quantile(anomaly_scores(forest, usual), 0.99)
    assert np.array_equal(anomaly_scores(fit_isolation_forest(usual), usual), anomaly_scores(forest, usual))


def test_few_payments_are_all_taken() -> None:
    assert fit_isolation_forest(np.eye(10, dtype=np.float32)).max_samples_ == 10


def test_it_knows_no_label_and_no_later_payment(
    training_data: TrainingData, trained: TrainedModel, train_on: Callable[..., TrainedModel]
) -> None:
    train, test = training_data.train, training_data.test
    unlabelled = replace(training_data, train=Examples(train.payments, np.roll(train.frauds, 1)))
    elsewhere = replace(
        training_data, test=Examples(replace(test.payments, vectors=test.payments.vectors + 1), test.frauds)
    )
    known = trained.test_scores["isolation_forest"]

    assert np.array_equal(train_on(unlabelled).test_scores["isolation_forest"], known)
    rows = training_data.validation.payments.vectors[:, trained.columns]
    moved = train_on(elsewhere)
    assert np.array_equal(anomaly_scores(moved.isolation, rows), anomaly_scores(trained.isolation, rows))


def test_it_is_kept_without_a_pickle(trained: TrainedModel, training_data: TrainingData, tmp_path: Path) -> None:
    write_sklearn(trained.isolation, tmp_path / "anomaly")
    kept = mlflow.sklearn.load_model(str(tmp_path / "anomaly"))

    rows = training_data.test.payments.vectors[:, trained.columns]
    assert np.array_equal(anomaly_scores(kept, rows), trained.test_scores["isolation_forest"])
    assert not list((tmp_path / "anomaly").rglob("*.pkl"))
