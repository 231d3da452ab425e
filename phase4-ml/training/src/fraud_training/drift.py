"""Do payments, and the scores they get, still look as they did when the champion was calibrated?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_training.split import Period
from fraud_training.stability import LEAST_SAMPLES, Reference, population_stability_index, reference_of

SCORE = "score"
DRIFT_REPORT = "drift.json"
# key of the manifest
REFERENCE = "reference"

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]


class Verdict(StrEnum):
    """What an index means."""

    STABLE = "stable"
    SHIFTED = "shifted"
    DRIFTED = "drifted"
    TOO_FEW = "too few"


@dataclass(frozen=True, slots=True)
class Bounds:
    """From which index on a distribution is said to have shifted, and to have drifted."""

    notice: float = 0.1
    drift: float = 0.25

    def verdict(self, index: float | None) -> Verdict:
        """None is an index that too few payments could not carry."""
        if index is None:
            return Verdict.TOO_FEW
        if index >= self.drift:
            return Verdict.DRIFTED
        return Verdict.SHIFTED if index >= self.notice else Verdict.STABLE


@dataclass(frozen=True, slots=True)
class Stability:
    """One distribution then and now."""

    name: str
    index: float | None
    """Population stability index; None with fewer than :data:`LEAST_SAMPLES` payments on either side."""
    verdict: Verdict
    reference_payments: int
    payments: int
    is_used: bool = True
    """Whether the forest looks at it; one that it dropped may drift without harm to the model."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "psi": self.index,
            "verdict": str(self.verdict),
            "reference_payments": self.reference_payments,
            "payments": self.payments,
            "used": self.is_used,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """What one look found."""

    score: Stability
    features: tuple[Stability, ...]
    """Worst first."""

    @property
    def drifted(self) -> tuple[str, ...]:
        """Features that the model looks at and that have drifted, worst first."""
        return tuple(one.name for one in self.features if one.is_used and one.verdict is Verdict.DRIFTED)


def describe_reference(
    vectors: Vectors, scores: Scores, names: Sequence[str], missing: Sequence[float], period: Period
) -> dict[str, Any]:
    """The part of the manifest that drift is measured against: bins of every feature and of the score.

    Args:
        vectors: of a period that the model was not fitted on, shape (n, features).
        scores: its calibrated probabilities there, shape (n,); of payments it was fitted on they would be too sure.
        names: of the features, in vector order.
        missing: the code of each feature, in vector order.
        period: where the payments are from.
    """
    return {
        "period": period.as_text(),
        "payments": len(vectors),
        SCORE: reference_of(scores).as_dict(),
        "features": {
            name: reference_of(vectors[:, column], code).as_dict()
            for column, (name, code) in enumerate(zip(names, missing, strict=True))
        },
    }


def measure_drift(manifest: Mapping[str, Any], vectors: Vectors, scores: Scores, bounds: Bounds) -> Drift:
    """Compare payments with the reference in a model's manifest.

    Args:
        manifest: with a :data:`REFERENCE`.
        vectors: of the payments now, shape (n, features), in the order of the manifest's names.
        scores: what that model says of them, shape (n,).
        bounds: what an index means.
    """
    stored, dropped = manifest[REFERENCE], set(manifest["dropped_features"])
    features = [
        _stability(name, stored["features"][name], vectors[:, column], bounds, is_used=name not in dropped)
        for column, name in enumerate(manifest["feature_names"])
    ]
    ranked = sorted(features, key=lambda one: (-(one.index or 0.0), one.name))
    return Drift(_stability(SCORE, stored[SCORE], scores, bounds, is_used=True), tuple(ranked))


def _stability(
    name: str, stored: dict[str, Any], values: NDArray[np.floating], bounds: Bounds, *, is_used: bool
) -> Stability:
    reference = Reference.from_dict(stored)
    enough = min(reference.samples, len(values)) >= LEAST_SAMPLES
    index = population_stability_index(reference.counts, reference.count(values).tolist()) if enough else None
    return Stability(name, index, bounds.verdict(index), reference.samples, len(values), is_used)


def drift_report(drift: Drift, version: int, reference: Mapping[str, str], period: Period) -> dict[str, Any]:
    """Everything one look found, as JSON can hold it."""
    return {
        "version": version,
        "reference_period": dict(reference),
        "period": period.as_text(),
        SCORE: drift.score.as_dict(),
        "features": [one.as_dict() for one in drift.features],
        "drifted_features": list(drift.drifted),
    }


def drift_table(drift: Drift) -> str:
    """Score and features, worst first, to be read in a terminal."""
    width = max(len(one.name) for one in (drift.score, *drift.features)) + 2
    rows = ["".ljust(width) + "PSI".rjust(8) + "then".rjust(10) + "now".rjust(10) + "  verdict"]
    for one in (drift.score, *drift.features):
        index = "-" if one.index is None else f"{one.index:.3f}"
        note = str(one.verdict) + ("" if one.is_used else " (the model does not look at it)")
        rows.append(f"{one.name.ljust(width)}{index.rjust(8)}{one.reference_payments:>10}{one.payments:>10}  {note}")
    return "\n".join(rows)
