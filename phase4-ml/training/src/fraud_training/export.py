"""Turning a trained forest into its served form, behind a parity gate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from fraud_training.calibration import Calibration
from fraud_training.errors import ExportRefusedError
from fraud_training.serving_form import raw_scores

# the largest difference between the served and the trained forest that is rounding and nothing else
TOLERANCE = 1e-6
_GOLDEN_ROWS = 24
_GOLDEN_MISSING_ROWS = 8
_ROWS_PER_MISSING_FEATURE = 50


def compile_forest(forest: RandomForestClassifier) -> treelite.Model:
    """The forest as a treelite model."""
    return treelite.sklearn.import_model(forest)


def base_value(forest: RandomForestClassifier) -> float:
    """Mean raw score at the roots: what the forest says before it has looked at any feature."""
    roots = np.array([tree.tree_.value[0, 0] for tree in forest.estimators_])
    return float((roots[:, 1] / roots.sum(axis=1)).mean())


def with_missing_values(vectors: NDArray[np.float32], missing: Sequence[float]) -> NDArray[np.float32]:
    """Rows in which each feature in turn has its missing-value code, and one row in which all have.

    Args:
        vectors: shape (n, features), n >= 1.
        missing: the code of each feature, in vector order.
    """
    codes = np.asarray(missing, dtype=np.float32)
    some = vectors[np.linspace(0, len(vectors) - 1, min(len(vectors), _ROWS_PER_MISSING_FEATURE)).astype(np.intp)]
    blocks = [codes[None, :]]
    for column, code in enumerate(codes):
        block = some.copy()
        block[:, column] = code
        blocks.append(block)
    return np.concatenate(blocks)


def check_parity(forest: RandomForestClassifier, served: treelite.Model, vectors: NDArray[np.float32]) -> float:
    """Compare the served form with scikit-learn on some rows.

    Returns:
        The largest difference of raw scores.

    Raises:
        ExportRefusedError: a raw score differs by more than :data:`TOLERANCE`.
    """
    expected = np.asarray(forest.predict_proba(vectors)[:, 1], dtype=np.float64)
    actual = raw_scores(served, vectors, threads=2)
    difference = float(np.max(np.abs(expected - actual)))
    # written so that a NaN is refused as well
    if not difference <= TOLERANCE:
        raise ExportRefusedError(
            f"The served forest differs from the trained one on {len(vectors)} rows: raw scores by up to "
            f"{difference:.3g} (allowed {TOLERANCE:g}). Nothing was registered; "
            "check that treelite and scikit-learn have the locked versions."
        )
    return difference


def golden_rows(
    served: treelite.Model,
    calibration: Calibration,
    vectors: NDArray[np.float32],
    missing_rows: NDArray[np.float32],
) -> list[dict[str, Any]]:
    """Vectors with the answers a correctly loaded model gives, spread over the whole range of scores."""
    by_falling_score = np.argsort(-raw_scores(served, vectors, threads=2), kind="stable")
    # denser towards the top, where decisions differ
    ranks = np.unique(np.geomspace(1, len(by_falling_score), _GOLDEN_ROWS).astype(np.intp)) - 1
    spread = by_falling_score[ranks]
    gaps = np.linspace(0, len(missing_rows) - 1, min(_GOLDEN_MISSING_ROWS, len(missing_rows))).astype(np.intp)
    rows = np.concatenate((vectors[spread], missing_rows[gaps]))
    raw = raw_scores(served, rows)
    calibrated = calibration(raw)
    return [
        {
            "vector": [float(value) for value in row],
            "raw": float(raw[index]),
            "calibrated": float(calibrated[index]),
        }
        for index, row in enumerate(rows)
    ]
