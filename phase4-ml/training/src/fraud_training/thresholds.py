"""From which probability on a payment is an alert: by what errors cost, and by what a team can look at in a day."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.dataset import Examples
from fraud_training.split import Period

COST, CAPACITY = "cost", "capacity"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Costs:
    """What an error costs, and how many alerts a working day holds."""

    false_positive: float = 5.0
    """Of an honest payment that is an alert, in the base currency; a fraud that is none costs its amount."""
    alerts_per_day: int = 100


def _steps(probabilities: Floats) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Rows by falling probability, the distinct probabilities, and the last position of each."""
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    ends = np.append(np.nonzero(np.diff(ranked))[0], ranked.size - 1)
    return order, ranked[ends], ends


def _threshold_below(distinct: Floats, taken: int) -> float:
    """A threshold that the ``taken`` highest of the distinct probabilities reach and no other does.

    It lies between two probabilities, never on one: rounding cannot turn a decision round.
    """
    if taken == distinct.size:
        return 0.0
    upper = distinct[taken - 1] if taken else np.nextafter(1.0, 2.0)
    middle = float((upper + distinct[taken]) / 2)
    return middle if middle > distinct[taken] else float(upper)


def lowest_cost(probabilities: Floats, frauds: Bools, amounts: Floats, false_positive: float) -> float:
    """The threshold at which missed frauds (their amounts) and false alerts together cost least.

    Args:
        probabilities: calibrated, of the validation period, shape (n,).
        frauds: shape (n,).
        amounts: in the base currency, shape (n,); a negative one (a refund) is no loss.
        false_positive: cost of one false alert in the base currency.

    Returns:
        Alerts are the payments with at least this probability; of equal costs, the one with fewer alerts.
    """
    order, distinct, ends = _steps(probabilities)
    saved = np.cumsum(np.where(frauds, np.maximum(amounts, 0), 0)[order])[ends]
    false_alerts = np.cumsum(~frauds[order])[ends]
    gain = np.concatenate(([0.0], saved - false_positive * false_alerts))
    return _threshold_below(distinct, int(np.argmax(gain)))


def within_capacity(probabilities: Floats, days: float, alerts_per_day: int) -> float:
    """The lowest threshold with at most so many alerts on the average day of a period.

    Equal probabilities are taken together or not at all.
    """
    _, distinct, ends = _steps(probabilities)
    return _threshold_below(distinct, int(np.searchsorted(ends + 1, alerts_per_day * days, side="right")))


def choose_thresholds(
    validation: Examples, period: Period, probabilities: Floats, costs: Costs
) -> dict[str, dict[str, Any]]:
    """Both thresholds, chosen on the validation period, with what they give there.

    Args:
        validation: the period's payments with the labels known before the test period.
        period: the period itself.
        probabilities: calibrated, shape (n,).
    """
    chosen = {
        COST: lowest_cost(probabilities, validation.frauds, amounts_of(validation), costs.false_positive),
        CAPACITY: within_capacity(probabilities, period.days, costs.alerts_per_day),
    }
    return {
        name: {
            "probability": threshold,
            "false_positive_cost": costs.false_positive,
            "alerts_per_day": costs.alerts_per_day,
            "validation": outcome(validation, period, probabilities, threshold, costs.false_positive),
        }
        for name, threshold in chosen.items()
    }


def amounts_of(examples: Examples) -> Floats:
    """Amounts of the payments in the base currency, shape (n,)."""
    return examples.payments.vectors[:, AMOUNT_COLUMN].astype(np.float64)


def outcome(
    examples: Examples, period: Period, probabilities: Floats, threshold: float, false_positive: float
) -> dict[str, Any]:
    """What a threshold gives on a period: confusion, rates, and money in the base currency."""
    frauds, alerts = examples.frauds, probabilities >= threshold
    hits, misses = alerts & frauds, ~alerts & frauds
    losses = np.maximum(amounts_of(examples), 0)
    counts = {
        "true_positives": int(hits.sum()),
        "false_positives": int((alerts & ~frauds).sum()),
        "false_negatives": int(misses.sum()),
        "true_negatives": int((~alerts & ~frauds).sum()),
    }
    lost = float(losses[misses].sum())
    return counts | {
        "precision": float(hits.sum() / alerts.sum()) if alerts.any() else 0.0,
        "recall": float(hits.sum() / frauds.sum()) if frauds.any() else 0.0,
        "false_positive_rate": counts["false_positives"] / max(1, int((~frauds).sum())),
        "alerts_per_day": float(alerts.sum() / period.days),
        "amount_of_frauds_found": float(losses[hits].sum()),
        "amount_of_frauds_missed": lost,
        "cost": lost + false_positive * counts["false_positives"],
        "cost_without_alerts": float(losses[frauds].sum()),
    }
