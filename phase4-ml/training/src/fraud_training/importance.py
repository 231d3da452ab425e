"""How much a model loses when a feature is shuffled."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fraud_training.dataset import Examples
from fraud_training.metrics import average_precision

ROWS = 3000
SEED = 7
# more would leave no room for the honest payments beside them
_MOST_FRAUDS_SHARE = 1 / 3

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]


def sample_rows(frauds: NDArray[np.bool_], rows: int = ROWS, seed: int = SEED) -> NDArray[np.intp]:
    """At most ``rows`` rows, in time order: frauds for up to a third of them, the rest honest payments."""
    generator = np.random.default_rng(seed)
    positive, negative = np.nonzero(frauds)[0], np.nonzero(~frauds)[0]
    if positive.size > rows * _MOST_FRAUDS_SHARE:
        positive = generator.choice(positive, size=int(rows * _MOST_FRAUDS_SHARE), replace=False)
    if negative.size > rows - positive.size:
        negative = generator.choice(negative, size=rows - positive.size, replace=False)
    return np.sort(np.concatenate((positive, negative)))


def permutation_importance(
    score: Score, examples: Examples, columns: Sequence[int], *, rows: int = ROWS, seed: int = SEED
) -> dict[int, float]:
    """Average precision lost on a sample when one column at a time is shuffled (Breiman 2001).

    The sample holds more frauds than life does, so the values rank features; they are no loss to expect. Features
    that say the same share their importance: shuffling one of them loses little.

    Args:
        score: scores of vectors, shape (n,), higher meaning more suspicious.
        columns: the columns to shuffle; a model that never looks at a column loses nothing by it.

    Returns:
        The loss per column, which is negative where shuffling helped.
    """
    chosen = sample_rows(examples.frauds, rows, seed)
    vectors, frauds = examples.payments.vectors[chosen].copy(), examples.frauds[chosen]
    generator = np.random.default_rng(seed)
    whole = average_precision(score(vectors), frauds)
    losses = {}
    for column in columns:
        kept = vectors[:, column].copy()
        vectors[:, column] = generator.permutation(kept)
        losses[column] = whole - average_precision(score(vectors), frauds)
        vectors[:, column] = kept
    return losses
