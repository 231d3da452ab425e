"""Turning a trained forest into its served form, behind a parity gate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from fraud_training.calibration import Calibration
from fraud_training.errors import ExportRefusedError
from fraud_training.evaluate import HIGH_RISK
from fraud_training.serving_form import raw_scores

# the largest difference between the served and the trained forest that is rounding and nothing else
TOLERANCE = 1e-6
PARITY_ROWS = 100_000
# probabilities from which on the API names a tier; the verdicts REVIEW and BLOCKED begin at two of them
TIERS = {"MEDIUM": 0.3, "HIGH": HIGH_RISK, "CRITICAL": 0.8}
_SEED = 7
_ROWS_PER_BLOCK = 20_000
_FROM_ANOTHER = 0.2
_MISSING = 0.03
_SPLITS_PER_ROW = 3
_GOLDEN_ROWS = 24
_GOLDEN_MISSING_ROWS = 8
_ROWS_PER_MISSING_FEATURE = 50


def compile_forest(forest: RandomForestClassifier, columns: NDArray[np.intp], width: int) -> treelite.Model:
    """The forest as a treelite model that takes whole vectors.

    Args:
        forest: fitted on the ``columns`` of vectors.
        columns: position in the vector of each feature that the forest knows.
        width: features of a whole vector; the model never looks at those that are not among the columns.
    """
    served = treelite.sklearn.import_model(forest)
    served.get_header_accessor().set_field("num_feature", np.array([width], dtype=np.int32))
    for number in range(served.num_tree):
        tree = served.get_tree_accessor(number)
        looked_at = tree.get_field("split_index").copy()
        inner = looked_at >= 0
        looked_at[inner] = columns[looked_at[inner]]
        tree.set_field("split_index", looked_at)
    return served


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


def parity_rows(
    forest: RandomForestClassifier,
    columns: NDArray[np.intp],
    vectors: NDArray[np.float32],
    missing: Sequence[float],
    count: int = PARITY_ROWS,
) -> NDArray[np.float32]:
    """Rows to compare on: payments, rows with missing values, and as many changed payments as are needed.

    A changed payment has some values of another one, some values at or one step beside a split of the forest (where
    rounding would show first), and some values missing.

    Args:
        forest: fitted on the ``columns`` of the vectors.
        vectors: of the test period, shape (n, features), n >= 1.
        missing: the code of each feature, in vector order.
        count: least number of rows.

    Returns:
        Shape (count or somewhat more, features), the same for the same arguments.
    """
    generator = np.random.default_rng(_SEED)
    real = vectors
    if len(vectors) > count // 2:
        real = vectors[np.sort(generator.choice(len(vectors), count // 2, replace=False))]
    known = np.concatenate((real, with_missing_values(vectors, missing)))
    blocks = [known]
    left = count - len(known)
    while left > 0:
        rows = min(left, _ROWS_PER_BLOCK)
        changed = vectors[generator.integers(len(vectors), size=rows)].copy()
        draw = generator.random(changed.shape)
        others = np.stack([generator.permutation(changed[:, column]) for column in range(changed.shape[1])], axis=1)
        changed = np.where(draw < _FROM_ANOTHER, others, changed)
        _set_to_splits(changed, forest, columns, generator)
        blocks.append(np.where(draw > 1 - _MISSING, np.asarray(missing, dtype=np.float32), changed))
        left -= rows
    return np.concatenate(blocks).astype(np.float32)


def _set_to_splits(
    rows: NDArray[np.float32],
    forest: RandomForestClassifier,
    columns: NDArray[np.intp],
    generator: np.random.Generator,
) -> None:
    """Give each row the thresholds of a few random splits, or the numbers next to them, in place."""
    trees = [tree.tree_ for tree in forest.estimators_]
    features = np.concatenate([tree.feature for tree in trees])
    thresholds = np.concatenate([tree.threshold for tree in trees])
    splits = np.nonzero(features >= 0)[0]
    if not splits.size:
        return
    for _ in range(_SPLITS_PER_ROW):
        drawn = generator.choice(splits, size=len(rows))
        at = thresholds[drawn].astype(np.float32)
        step = generator.choice(np.array([-np.inf, np.nan, np.inf], dtype=np.float32), size=len(rows))
        rows[np.arange(len(rows)), columns[features[drawn]]] = np.where(np.isnan(step), at, np.nextafter(at, step))


def check_parity(
    expected: NDArray[np.float64],
    served: treelite.Model,
    vectors: NDArray[np.float32],
    calibration: Calibration,
    thresholds: Mapping[str, float],
) -> float:
    """Compare the served form with scikit-learn on some rows.

    Args:
        expected: raw scores by scikit-learn, shape (n,).
        served: what will be served.
        vectors: whole vectors, shape (n, features).
        calibration: from raw scores to probabilities.
        thresholds: probabilities at which somebody decides, by name.

    Returns:
        The largest difference of raw scores.

    Raises:
        ExportRefusedError: a raw score differs by more than :data:`TOLERANCE`, or a decision is another one.
    """
    actual = raw_scores(served, vectors, threads=2)
    difference = float(np.max(np.abs(expected - actual)))
    # written so that a NaN is refused as well
    if not difference <= TOLERANCE:
        raise ExportRefusedError(
            f"The served forest differs from the trained one on {len(vectors)} rows: raw scores by up to "
            f"{difference:.3g} (allowed {TOLERANCE:g}). Nothing was registered; "
            "check that treelite and scikit-learn have the locked versions."
        )
    by_scikit_learn, by_served = calibration(expected), calibration(actual)
    for name, threshold in thresholds.items():
        flipped = int(np.count_nonzero((by_scikit_learn >= threshold) != (by_served >= threshold)))
        if flipped:
            raise ExportRefusedError(
                f"The served forest decides otherwise than the trained one on {flipped} of {len(vectors)} rows at the "
                f"threshold {name} ({threshold:g}). Nothing was registered; "
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
