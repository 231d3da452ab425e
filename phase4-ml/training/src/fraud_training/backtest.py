"""Prequential evaluation: how good a model of this kind would have been, again and again, on what is in Gold."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from fraud_training.anomaly import ISOLATION, anomaly_scores, fit_isolation_forest
from fraud_training.baselines import baseline_scores
from fraud_training.columns import varying_columns
from fraud_training.compromised import known_compromised
from fraud_training.dataset import Examples
from fraud_training.evaluate import (
    AUC,
    AVERAGE_PRECISION,
    CARD_PRECISION,
    DETECTION_RATE,
    STRICT_DETECTION_RATE,
    ranking_figures,
)
from fraud_training.folds import Fold, Lengths, plan_folds
from fraud_training.forest import ForestSettings, fit_forest, trained_scores
from fraud_training.labels import LabelHistory
from fraud_training.split import Period
from fraud_training.train import FOREST, LEAST_HELD_OUT_FRAUDS, LEAST_TRAIN_FRAUDS
from fraud_training.warehouse import TableVersion, Warehouse

Say = Callable[[str], None]
Figures = dict[str, dict[str, float]]
"""Figures per model."""

BACKTEST_REPORT = "backtest.json"
_COLUMNS = {
    AUC: "AUC",
    AVERAGE_PRECISION: "avg precision",
    CARD_PRECISION: "card prec@100",
    STRICT_DETECTION_RATE: "found at 0.1 %",
    DETECTION_RATE: "found at 0.5 %",
}
_WIDTH = 17


def run_backtest(
    warehouse: Warehouse,
    features: TableVersion,
    labels: TableVersion,
    feature_names: Sequence[str],
    lengths: Lengths,
    *,
    first_day_us: int | None = None,
    folds: int | None = None,
    settings: ForestSettings,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Train and test a forest, the baselines and the isolation forest on each fold, reading one fold at a time.

    A fold's model sees the labels known when its first test day begins, and is judged by all known now. Nothing is
    chosen by what comes out.

    Args:
        first_day_us: midnight at which the first fold's training begins; None takes the newest folds there are.
        folds: how many; None takes up to four.

    Raises:
        DataError: too few days, or a fold with too few frauds; the message names it.
    """
    span, history = warehouse.event_range(features), warehouse.labels(labels, features)
    now_us = max(span.end_us, (history.newest_known_us or 0) + 1)
    planned = plan_folds(span, now_us, lengths, first_day_us, folds)
    done = []
    for number, fold in enumerate(planned, start=1):
        say(f"fold {number} of {len(planned)}: training on {_days(fold.train)}, test on {_days(fold.test)}")
        train, test = _read(warehouse, features, feature_names, history, fold, now_us, number)
        figures, dropped = _judge(train, test, fold, history, settings)
        names = [feature_names[column] for column in dropped]
        if names:
            say(f"dropped {len(names)} features that never vary in this training period: {', '.join(names)}")
        say(
            f"fold {number} of {len(planned)}: {len(train.payments)} payments with {int(train.frauds.sum())} known "
            f"frauds, then {len(test.payments)} with {int(test.frauds.sum())}: average precision "
            + ", ".join(f"{model} {values[AVERAGE_PRECISION]:.3f}" for model, values in figures.items())
        )
        done.append(_describe(fold, train, test, names, figures))
    return {
        "data_version": {"features": features.as_dict(), "labels": labels.as_dict()},
        "lengths": asdict(lengths),
        "forest_settings": asdict(settings),
        "folds": done,
        "summary": summarise([fold["models"] for fold in done]),
    }


def _read(
    warehouse: Warehouse,
    features: TableVersion,
    feature_names: Sequence[str],
    history: LabelHistory,
    fold: Fold,
    now_us: int,
    number: int,
) -> tuple[Examples, Examples]:
    train = Examples.labelled(
        warehouse.payments(features, feature_names, fold.train), history, fold.train_labels_before_us
    )
    test = Examples.labelled(warehouse.payments(features, feature_names, fold.test), history, now_us)
    return (
        train.require(f"training (fold {number}, {_days(fold.train)})", LEAST_TRAIN_FRAUDS),
        test.require(f"test (fold {number}, {_days(fold.test)})", LEAST_HELD_OUT_FRAUDS),
    )


def _judge(
    train: Examples, test: Examples, fold: Fold, history: LabelHistory, settings: ForestSettings
) -> tuple[Figures, list[int]]:
    """Figures per model, and the columns that were dropped."""
    columns = varying_columns(train.payments.vectors)
    known_vectors, vectors = train.payments.vectors[:, columns], test.payments.vectors
    forest = fit_forest(known_vectors, train.frauds, settings)
    scores = {
        FOREST: trained_scores(forest, columns, vectors),
        **baseline_scores(train, test.payments),
        ISOLATION: anomaly_scores(fit_isolation_forest(known_vectors), vectors[:, columns]),
    }
    known = known_compromised(test.payments, history, fold.test, fold.train.start_us)
    figures = {model: ranking_figures(test, fold.test, values, known) for model, values in scores.items()}
    return figures, sorted(set(range(train.payments.vectors.shape[1])) - set(columns.tolist()))


def _describe(fold: Fold, train: Examples, test: Examples, dropped: list[str], figures: Figures) -> dict[str, Any]:
    return {
        "train": fold.train.as_text() | {"payments": len(train.payments), "known_frauds": int(train.frauds.sum())},
        "test": fold.test.as_text() | {"payments": len(test.payments), "frauds": int(test.frauds.sum())},
        "dropped_features": dropped,
        "models": figures,
    }


def summarise(folds: Sequence[Figures]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Mean and sample standard deviation of each figure over the folds, per model; one fold has no deviation."""
    return {
        model: {
            name: {
                "mean": float(np.mean([fold[model][name] for fold in folds])),
                "standard_deviation": (
                    float(np.std([fold[model][name] for fold in folds], ddof=1)) if len(folds) > 1 else None
                ),
            }
            for name in figures
        }
        for model, figures in folds[0].items()
    }


def table(report: dict[str, Any]) -> str:
    """Mean and deviation per model, to be read in a terminal."""
    first = 1 + max(map(len, report["summary"]))
    rows = ["model".ljust(first) + "".join(title.rjust(_WIDTH) for title in _COLUMNS.values())]
    for model, figures in report["summary"].items():
        cells = (_cell(**figures[name]) for name in _COLUMNS)
        rows.append(model.ljust(first) + "".join(cell.rjust(_WIDTH) for cell in cells))
    return "\n".join(rows)


def _cell(mean: float, standard_deviation: float | None) -> str:
    return f"{mean:.3f}" if standard_deviation is None else f"{mean:.3f} ± {standard_deviation:.3f}"


def _days(period: Period) -> str:
    text = period.as_text()
    return f"{text['start'][:10]} to {text['end'][:10]}"
