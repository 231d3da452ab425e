"""The figures of a model on its test period, beside those of the baselines."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fraud_training.baselines import AMOUNT, LOGISTIC
from fraud_training.compromised import day_numbers
from fraud_training.dataset import Examples
from fraud_training.metrics import (
    area_under_roc,
    average_precision,
    card_precision_at,
    detection_rate_at,
    interval,
    resampled_average_precision,
)
from fraud_training.split import Period

Floats = NDArray[np.float64]

AUC = "auc"
AVERAGE_PRECISION = "average_precision"
AVERAGE_PRECISION_LOW = "average_precision_low"
AVERAGE_PRECISION_HIGH = "average_precision_high"
CARD_PRECISION = "card_precision_at_100"
CARD_PRECISION_CEILING = "card_precision_at_100_ceiling"
DETECTION_RATE = "detection_rate_at_fpr_0_5_percent"
STRICT_DETECTION_RATE = "detection_rate_at_fpr_0_1_percent"
FALSE_POSITIVE_RATES = {STRICT_DETECTION_RATE: 0.001, DETECTION_RATE: 0.005}
BASELINES = (AMOUNT, LOGISTIC)
# from this calibrated probability on the API says HIGH: that is an alert
HIGH_RISK = 0.5


_FIGURES = (AUC, AVERAGE_PRECISION, CARD_PRECISION, DETECTION_RATE)


def figures(metrics: Mapping[str, float]) -> dict[str, float]:
    """The few figures that a model is known by, out of all its metrics."""
    return {name: metrics[name] for name in _FIGURES}


def baseline_metric(baseline: str) -> str:
    """Name of a baseline's average precision among the metrics."""
    return f"{baseline}_{AVERAGE_PRECISION}"


def margin_metric(baseline: str) -> str:
    """Name of the lower end of the interval by which the model's average precision exceeds a baseline's."""
    return f"{AVERAGE_PRECISION}_over_{baseline}_low"


def ranking_figures(test: Examples, period: Period, scores: Floats, left_out: NDArray[np.bool_]) -> dict[str, float]:
    """What the ranking of one model is worth, whatever the scale of its scores.

    Args:
        test: the period's payments with their matured labels.
        period: the period itself; its days are counted from its start.
        scores: shape (n,), higher meaning more suspicious.
        left_out: payments of cards known as compromised before their day, shape (n,).
    """
    frauds, days = test.frauds, day_numbers(test.payments, period)
    return {
        AUC: area_under_roc(scores, frauds),
        AVERAGE_PRECISION: average_precision(scores, frauds),
        CARD_PRECISION: card_precision_at(scores, frauds, test.payments.cards, days, left_out=left_out),
        **{name: detection_rate_at(scores, frauds, rate) for name, rate in FALSE_POSITIVE_RATES.items()},
    }


def evaluate(
    test: Examples, period: Period, probabilities: Floats, baselines: dict[str, Floats], left_out: NDArray[np.bool_]
) -> dict[str, float]:
    """Every figure of one model on one period.

    Args:
        test: the period's payments with their matured labels.
        period: the period itself; its days are counted from its start.
        probabilities: the model's calibrated probabilities, shape (n,).
        baselines: scores of each of :data:`BASELINES`, shape (n,).
        left_out: payments of cards known as compromised before their day, shape (n,).
    """
    frauds, cards = test.frauds, test.payments.cards
    resamples = resampled_average_precision(probabilities, frauds, cards)
    low, high = interval(resamples)
    margins = {
        name: interval(resamples - resampled_average_precision(baselines[name], frauds, cards))[0] for name in BASELINES
    }
    alerts = probabilities >= HIGH_RISK
    return {
        **ranking_figures(test, period, probabilities, left_out),
        AVERAGE_PRECISION_LOW: low,
        AVERAGE_PRECISION_HIGH: high,
        # what a model that knew the labels would reach: a day may have fewer than 100 compromised cards
        CARD_PRECISION_CEILING: card_precision_at(
            frauds.astype(np.float64), frauds, cards, day_numbers(test.payments, period), left_out=left_out
        ),
        "alerts_per_day": float(alerts.sum() / period.days),
        "alert_precision": float(frauds[alerts].mean()) if alerts.any() else 0.0,
        "alert_recall": float(alerts[frauds].mean()),
        "mean_probability": float(probabilities.mean()),
        "fraud_share": float(frauds.mean()),
        "brier_score": float(np.mean((probabilities - frauds) ** 2)),
        "test_payments": float(len(test.payments)),
        "test_frauds": float(frauds.sum()),
        **{baseline_metric(name): average_precision(baselines[name], frauds) for name in BASELINES},
        **{margin_metric(name): margins[name] for name in BASELINES},
    }
