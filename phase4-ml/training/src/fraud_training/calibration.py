"""Calibration outside the forest: two arrays that turn its raw score into a probability."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.floating]

# below and above this the forest's share of votes carries no more information than its number of trees
_EDGE = 1e-4
_GRID = 257
# scores that do not rise with fraud on the validation period get a nearly flat curve, never a falling one
_LEAST_SLOPE = 1e-3


def _logit(probability: Floats) -> NDArray[np.float64]:
    clipped = np.clip(np.asarray(probability, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float64)


def _sigmoid(value: Floats) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.asarray(value, dtype=np.float64))), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A strictly rising curve through ``(raw, calibrated)`` points, straight between them."""

    method: str
    raw: tuple[float, ...]
    calibrated: tuple[float, ...]

    def __call__(self, scores: Floats) -> NDArray[np.float64]:
        """Calibrated probabilities of raw scores, same shape."""
        return np.asarray(np.interp(scores, self.raw, self.calibrated), dtype=np.float64)


def fit_sigmoid(scores: Floats, frauds: NDArray[np.bool_]) -> Calibration:
    """Fit a logistic curve to the log-odds of the raw score and tabulate it.

    Two parameters hold on a few hundred frauds where an isotonic staircase overfits, and the curve rises strictly,
    so it never changes the ranking.

    Args:
        scores: raw scores in [0, 1] of the validation period, shape (n,).
        frauds: their labels, both kinds present.
    """
    log_odds = _logit(scores)
    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(log_odds[:, None], frauds)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope < _LEAST_SLOPE:
        share = float(frauds.mean())
        slope, intercept = _LEAST_SLOPE, float(np.log(share / (1 - share)))
    grid = np.linspace(_logit(np.array(0.0)), _logit(np.array(1.0)), _GRID)
    inner = _sigmoid(slope * grid + intercept)
    # scores of exactly 0 and 1 lie beyond the grid's ends; half-way keeps the curve rising there
    calibrated = np.concatenate(([inner[0] / 2], inner, [(1 + inner[-1]) / 2]))
    raw = np.concatenate(([0.0], _sigmoid(grid), [1.0]))
    return Calibration("sigmoid", tuple(map(float, raw)), tuple(map(float, calibrated)))
