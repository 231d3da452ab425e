"""The random forest: how it is sampled and grown."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """What shapes the forest: constants chosen on the simulator, some of which a run chooses anew (``search.py``).

    Each figure below was seen once, by hand, on the features of the commit that it names: it says why the constant was
    chosen and nothing of today's features. The same settings and data give the same forest, bit for bit.
    """

    trees: int = 150
    max_depth: int = 24
    min_samples_leaf: int = 2
    max_features: float = 0.25
    """Share of the features looked at per split."""
    max_samples: float = 0.5
    """Share of the sample that each tree grows on: half the time and nothing lost in validation at ``1e26090``."""
    negatives_per_fraud: int = 200
    """Legitimate payments kept per fraud: the rare honest look-alikes among them are what a forest learns most from.

    On the demo's history at ``e51398e`` average precision in validation was 0.50 with 20 of them and 0.57 with all; 20
    is among the candidates of every search.
    """
    criterion: Literal["gini", "entropy"] = "entropy"
    """At ``6e3ad84`` entropy gave 0.02 to 0.04 more average precision than Gini on two validation folds."""
    class_weight: Literal["balanced_subsample"] | None = None
    """Whether each tree counts its frauds and its honest payments as equally many."""
    seed: int = 7


def sample_rows(frauds: NDArray[np.bool_], settings: ForestSettings) -> NDArray[np.intp]:
    """Rows to learn from: every fraud and a fixed random share of the legitimate payments, in time order."""
    positive, negative = np.nonzero(frauds)[0], np.nonzero(~frauds)[0]
    wanted = settings.negatives_per_fraud * positive.size
    if negative.size > wanted:
        negative = np.random.default_rng(settings.seed).choice(negative, size=wanted, replace=False)
    return np.sort(np.concatenate((positive, negative)))


def fit_forest(
    vectors: NDArray[np.float32], frauds: NDArray[np.bool_], settings: ForestSettings
) -> RandomForestClassifier:
    """Grow the forest on a sample of the examples.

    Its scores are shares of votes under the sample's own fraud share; calibration makes probabilities of them.

    Args:
        vectors: shape (n, features), finite.
        frauds: shape (n,), both kinds present.
    """
    rows = sample_rows(frauds, settings)
    forest = RandomForestClassifier(
        n_estimators=settings.trees,
        criterion=settings.criterion,
        max_depth=settings.max_depth,
        min_samples_leaf=settings.min_samples_leaf,
        max_features=settings.max_features,
        max_samples=settings.max_samples,
        class_weight=settings.class_weight,
        random_state=settings.seed,
        n_jobs=2,
    )
    forest.fit(vectors[rows], frauds[rows])
    # two threads cost more than they save on one row at a time
    forest.n_jobs = 1
    return forest


def trained_scores(
    forest: RandomForestClassifier, columns: NDArray[np.intp], vectors: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Raw scores by scikit-learn, shape (n,), of whole vectors, of which the forest knows some columns."""
    return np.asarray(forest.predict_proba(vectors[:, columns])[:, 1], dtype=np.float64)
