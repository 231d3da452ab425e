"""Whether a probability means what it says: bins of payments with their mean probability and their share of fraud."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """One entry per bin, by rising probability."""

    predicted: NDArray[np.float64]
    """Mean probability."""
    observed: NDArray[np.float64]
    """Share of fraud."""
    payments: NDArray[np.int64]

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of the two, weighted by payments (Naeini et al. 2015)."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.payments))


def reliability(frauds: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Reliability:
    """Payments in bins that each hold as many frauds: bins of as many payments would hold no fraud but in the last."""
    edges = np.unique(np.quantile(probabilities[frauds], np.linspace(0, 1, _BINS + 1))[1:-1])
    bins = np.searchsorted(edges, probabilities, side="right")
    taken = np.bincount(bins)
    held = taken > 0
    return Reliability(
        predicted=np.bincount(bins, weights=probabilities)[held] / taken[held],
        observed=np.bincount(bins, weights=frauds)[held] / taken[held],
        payments=taken[held],
    )
