"""What a forest has to beat: the amount alone, and a logistic regression on the same vector."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fraud_features import FEATURES
from fraud_training.dataset import Examples, Payments

AMOUNT = "amount"
LOGISTIC = "logistic"
AMOUNT_COLUMN = next(
    column for column, feature in enumerate(FEATURES) if feature.kind == "request" and feature.input == "amount"
)
"""Position of the payment's own amount in the vector."""


def _signed_log(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Counts and amounts span orders of magnitude; a linear model needs them on a log scale."""
    wide = values.astype(np.float64)
    return np.asarray(np.sign(wide) * np.log1p(np.abs(wide)), dtype=np.float64)


def fit_logistic(train: Examples) -> Pipeline:
    """A logistic regression on log-scaled, standardised features."""
    model = make_pipeline(FunctionTransformer(_signed_log), StandardScaler(), LogisticRegression(max_iter=300))
    model.fit(train.payments.vectors, train.frauds)
    return model


def baseline_scores(train: Examples, payments: Payments) -> dict[str, NDArray[np.float64]]:
    """Scores of each baseline for some payments, higher meaning more suspicious."""
    return {
        AMOUNT: payments.vectors[:, AMOUNT_COLUMN].astype(np.float64),
        LOGISTIC: np.asarray(fit_logistic(train).predict_proba(payments.vectors)[:, 1], dtype=np.float64),
    }
