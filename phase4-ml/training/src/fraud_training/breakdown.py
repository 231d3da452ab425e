"""The figures of the test period cut by kind of fraud and by how long labels had to arrive."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_training.dataset import Examples
from fraud_training.evaluate import AVERAGE_PRECISION, DETECTION_RATE, FALSE_POSITIVE_RATES
from fraud_training.labels import LabelHistory
from fraud_training.metrics import average_precision, detection_rate_at, score_to_exceed
from fraud_training.split import DAY_US

NOT_SAID = "not said"
# how the first days look while chargebacks still come in
_YOUNG_DAYS = (1, 3)


def by_fraud_type(test: Examples, types: Sequence[str | None], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """How much of each kind of fraud is found, the most frequent kind first.

    Args:
        test: the period's payments with their matured labels.
        types: the kind that the label of each payment names, n of them.
        probabilities: shape (n,).

    Returns:
        ``kinds``, and a ``note`` where there is nothing to tell apart.
    """
    kinds = np.array([name or NOT_SAID for name in types], dtype=object)[test.frauds]
    if set(kinds) <= {NOT_SAID}:
        return {"kinds": [], "note": "No label of the test period names a kind of fraud (fraud_type)."}
    scores = probabilities[test.frauds]
    limits = {name: score_to_exceed(probabilities, test.frauds, rate) for name, rate in FALSE_POSITIVE_RATES.items()}
    rows = []
    for kind in sorted(set(kinds), key=lambda name: (-int((kinds == name).sum()), name)):
        own = scores[kinds == kind]
        found = {name: float((own > limit).mean()) for name, limit in limits.items()}
        rows.append({"fraud_type": kind, "frauds": int(own.size), "mean_probability": float(own.mean()), **found})
    return {"kinds": rows, "note": "Rates of false positives are over all honest payments of the period."}


def by_label_maturity(
    test: Examples, history: LabelHistory, probabilities: NDArray[np.float64], maturity_days: int
) -> list[dict[str, Any]]:
    """The figures as they would look with the labels known so many days after each payment, and with all of them.

    A figure is None while none of the period's frauds was known.
    """
    payments = test.payments
    ages = sorted({*(days for days in _YOUNG_DAYS if days < maturity_days), maturity_days})
    known = [
        *((days, history.frauds_within(payments.transaction_ids, payments.event_us, days * DAY_US)) for days in ages),
        (None, test.frauds),
    ]
    return [
        {
            "days_after_the_payment": days,
            "frauds_known": int(frauds.sum()),
            AVERAGE_PRECISION: average_precision(probabilities, frauds) if frauds.any() else None,
            DETECTION_RATE: detection_rate_at(probabilities, frauds) if frauds.any() else None,
        }
        for days, frauds in known
    ]
