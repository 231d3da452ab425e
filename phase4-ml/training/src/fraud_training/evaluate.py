"""The figures of a model on its test period, beside those of the baselines."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fraud_training.baselines import AMOUNT, LOGISTIC
from fraud_training.dataset import Examples
from fraud_training.metrics import (
    area_under_roc,
    average_precision,
    card_precision_at,
    detection_rate_at,
    interval,
    resampled_average_precision,
)
from fraud_training.split import DAY_US, Period

Floats = NDArray[np.float64]

AUC = "auc"
AVERAGE_PRECISION = "average_precision"
AVERAGE_PRECISION_LOW = "average_precision_low"
CARD_PRECISION = "card_precision_at_100"
DETECTION_RATE = "detection_rate_at_fpr_0_5_percent"
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


def evaluate(test: Examples, period: Period, probabilities: Floats, baselines: dict[str, Floats]) -> dict[str, float]:
    """Every figure of one model on one period.

    Args:
        test: the period's payments with their matured labels.
        period: the period itself; its days are counted from its start.
        probabilities: the model's calibrated probabilities, shape (n,).
        baselines: scores of each of :data:`BASELINES`, shape (n,).
    """
    frauds, cards = test.frauds, test.payments.cards
    days = (test.payments.event_us - period.start_us) // DAY_US
    resamples = resampled_average_precision(probabilities, frauds, cards)
    low, high = interval(resamples)
    margins = {
        name: interval(resamples - resampled_average_precision(baselines[name], frauds, cards))[0] for name in BASELINES
    }
    alerts = probabilities >= HIGH_RISK
    return {
        AUC: area_under_roc(probabilities, frauds),
        AVERAGE_PRECISION: average_precision(probabilities, frauds),
        AVERAGE_PRECISION_LOW: low,
        "average_precision_high": high,
        CARD_PRECISION: card_precision_at(probabilities, frauds, cards, days),
        # what a model that knew the labels would reach: a day may have fewer than 100 compromised cards
        "card_precision_at_100_ceiling": card_precision_at(frauds.astype(np.float64), frauds, cards, days),
        DETECTION_RATE: detection_rate_at(probabilities, frauds),
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
