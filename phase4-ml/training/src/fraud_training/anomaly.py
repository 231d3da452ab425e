"""An isolation forest: how unlike the others a payment is, without any label."""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

ISOLATION = "isolation_forest"
# sizes of Liu, Ting and Zhou, "Isolation Forest", ICDM 2008: more trees or rows change its ranking little
TREES = 100
ROWS_PER_TREE = 256
SEED = 7


def fit_isolation_forest(vectors: NDArray[np.float32]) -> IsolationForest:
    """Grow it on the training period, frauds among them: it is not told which they are.

    The same vectors give the same forest, bit for bit.

    Args:
        vectors: shape (n, features), finite.
    """
    forest = IsolationForest(n_estimators=TREES, max_samples=min(ROWS_PER_TREE, len(vectors)), random_state=SEED)
    return forest.fit(vectors)


def anomaly_scores(forest: IsolationForest, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores in (0, 1], shape (n,); higher means fewer splits set the payment apart from all others."""
    return np.asarray(-forest.score_samples(vectors), dtype=np.float64)
