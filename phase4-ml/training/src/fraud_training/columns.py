"""Which features a model can learn from: those that vary on the training period."""

import numpy as np
from numpy.typing import NDArray

from fraud_training.errors import DataError


def varying_columns(vectors: NDArray[np.float32]) -> NDArray[np.intp]:
    """Positions of the features with more than one value, in vector order.

    Somebody's file may lack a field, and the features that need it are constant then. They cannot tell payments
    apart, but they would be drawn among the few features that a forest looks at per split.

    Args:
        vectors: of the training period, shape (n, features), finite.

    Raises:
        DataError: no feature varies.
    """
    columns = np.nonzero(vectors.min(axis=0) != vectors.max(axis=0))[0]
    if not columns.size:
        raise DataError(
            "Every feature has one and the same value in the whole training period: there is nothing to learn from. "
            "Check the mapping of your file, then run the DAG fraud_pipeline again."
        )
    return columns
