"""Risk tiers by calibrated probability, set on the validation period."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

TIERS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
# share of legitimate payments that may reach each tier; HIGH is where a payment counts as an alert
_MEDIUM_FPR, _HIGH_FPR, _CRITICAL_FPR = 0.02, 0.005, 0.001


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lowest calibrated probability of each tier above LOW; they never fall from one tier to the next."""

    medium: float
    high: float
    critical: float

    def tier_numbers(self, probabilities: Floats) -> NDArray[np.intp]:
        """Index into :data:`TIERS` of each probability."""
        return np.searchsorted(np.array([self.medium, self.high, self.critical]), probabilities, side="right")

    def tier(self, probability: float) -> str:
        """Name of the tier of one probability."""
        return TIERS[int(self.tier_numbers(np.array([probability]))[0])]

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def threshold_at(probabilities: Floats, frauds: NDArray[np.bool_], false_positive_rate: float) -> float:
    """Lowest threshold that flags at most this share of the legitimate payments.

    It lies half-way between two probabilities that occur, so that the last digit of a sum never decides a tier.
    """
    distinct = np.unique(probabilities)
    legitimate = np.sort(probabilities[~frauds])
    flagged = legitimate.size - np.searchsorted(legitimate, distinct, side="left")
    acceptable = np.nonzero(flagged <= int(np.floor(false_positive_rate * legitimate.size)))[0]
    if acceptable.size == 0:
        return float((distinct[-1] + 1) / 2)
    first = int(acceptable[0])
    below = distinct[first - 1] if first else 0.0
    return float((distinct[first] + below) / 2)


def choose_thresholds(probabilities: Floats, frauds: NDArray[np.bool_]) -> Thresholds:
    """Thresholds of the three upper tiers from the validation period's calibrated probabilities."""
    return Thresholds(
        medium=threshold_at(probabilities, frauds, _MEDIUM_FPR),
        high=threshold_at(probabilities, frauds, _HIGH_FPR),
        critical=threshold_at(probabilities, frauds, _CRITICAL_FPR),
    )
