"""How often, and how far, a challenger would have decided otherwise than the champion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fraud_training.export import TIERS
from fraud_training.serving_form import ServingForm
from fraud_training.stability import LEAST_SAMPLES

SHADOW_REPORT = "shadow.json"

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """At one threshold: payments that both, neither or one of two models calls an alert."""

    threshold: float
    both: int
    champion_only: int
    challenger_only: int
    payments: int

    @property
    def share(self) -> float:
        """Of all payments, those that the two decide differently."""
        return (self.champion_only + self.challenger_only) / self.payments

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "share": self.share,
            "both": self.both,
            "champion_only": self.champion_only,
            "challenger_only": self.challenger_only,
        }


@dataclass(frozen=True, slots=True)
class Shadow:
    """Two models on the same vectors."""

    decisions: int
    at: Mapping[str, Disagreement]
    """By the name of the threshold."""
    mean_difference: float
    """Mean absolute difference of the calibrated probabilities."""
    rank_correlation: float | None
    """Spearman's, ties by mean rank; None where a model says the same of every payment."""

    @property
    def is_enough(self) -> bool:
        """Whether so many decisions carry a judgement."""
        return self.decisions >= LEAST_SAMPLES

    def as_dict(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "enough": self.is_enough,
            "thresholds": {name: one.as_dict() for name, one in self.at.items()},
            "mean_absolute_difference": self.mean_difference,
            "rank_correlation": self.rank_correlation,
        }


def thresholds_in_use(champion: ServingForm) -> dict[str, float]:
    """Where the API and its people decide: the tiers, and the thresholds chosen by cost and by capacity."""
    chosen = champion.manifest["thresholds"].items()
    return TIERS | {name: float(told["probability"]) for name, told in chosen}


def compare_scores(champion: Scores, challenger: Scores, thresholds: Mapping[str, float]) -> Shadow:
    """Compare the calibrated probabilities of two models on the same payments.

    Args:
        champion: shape (n,), n >= 1.
        challenger: shape (n,).
        thresholds: probabilities from which on a payment is an alert, by name.
    """
    at = {}
    for name, threshold in thresholds.items():
        here, there = champion >= threshold, challenger >= threshold
        both, one, other = int((here & there).sum()), int((here & ~there).sum()), int((there & ~here).sum())
        at[name] = Disagreement(threshold, both, one, other, len(champion))
    return Shadow(
        decisions=len(champion),
        at=at,
        mean_difference=float(np.mean(np.abs(champion - challenger))),
        rank_correlation=rank_correlation(champion, challenger),
    )


def rank_correlation(left: Scores, right: Scores) -> float | None:
    """Spearman's rho: Pearson's correlation of the ranks, where equal scores share their mean rank.

    None where one side has a single value.
    """
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def shadow_table(shadow: Shadow) -> str:
    """The thresholds, to be read in a terminal."""
    titles = ("otherwise", "both", "champion only", "challenger only")
    rows = ["threshold".ljust(12) + "".join(title.rjust(17) for title in titles)]
    for name, one in shadow.at.items():
        counts = f"{one.both:>17}{one.champion_only:>17}{one.challenger_only:>17}"
        rows.append(f"{name.ljust(12)}{one.share:>17.3%}{counts}")
    return "\n".join(rows)
