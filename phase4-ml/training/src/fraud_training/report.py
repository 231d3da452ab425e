"""Everything a run found out, as one JSON document."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_training import anomaly
from fraud_training.breakdown import by_fraud_type, by_label_maturity
from fraud_training.errors import TrainingError
from fraud_training.evaluate import AVERAGE_PRECISION_HIGH, AVERAGE_PRECISION_LOW, HIGH_RISK, ranking_figures
from fraud_training.importance import ROWS, SEED, permutation_importance
from fraud_training.metrics import interval, resampled_average_precision
from fraud_training.reliability import reliability
from fraud_training.serving_form import raw_scores
from fraud_training.thresholds import Costs, outcome
from fraud_training.train import FOREST, TrainedModel, TrainingData

MODEL_REPORT = "model.json"


def build_report(data: TrainingData, model: TrainedModel, maturity_days: int, costs: Costs) -> dict[str, Any]:
    """What one model is, learned from and is worth on its test period, beside the baselines.

    Takes some seconds: every feature that the forest looks at is shuffled once.
    """
    manifest, probabilities = model.form.manifest, model.test_scores[FOREST]
    types = data.history.fraud_types(data.test.payments.transaction_ids, data.now_us)
    bins = reliability(data.test.frauds, probabilities)
    return {
        "model": {name: manifest[name] for name in ("model_name", "sha256", "schema_hash", "data_version")},
        "periods": _periods(data),
        "models": {name: _model_figures(data, model, scores) for name, scores in model.test_scores.items()},
        "settings": {
            "chosen": manifest["forest_settings"],
            "chosen_on": "validation" if model.trials else "nothing: the search was off",
            "candidates": [trial.as_dict() for trial in model.trials],
        },
        "dropped_features": manifest["dropped_features"],
        "parity": manifest["parity"],
        "metrics": model.metrics,
        "isolation_forest": {"trees": anomaly.TREES, "rows_per_tree": anomaly.ROWS_PER_TREE, "seed": anomaly.SEED},
        "card_precision": {
            "left_out_payments": int(model.test_left_out.sum()),
            "rule": "cards with a payment since the start of training that was known as fraud before the day",
        },
        "by_fraud_type": by_fraud_type(data.test, types, probabilities),
        "by_label_maturity": by_label_maturity(data.test, data.history, probabilities, maturity_days),
        "thresholds": {
            "high_risk": {
                "probability": HIGH_RISK,
                "test": outcome(data.test, data.split.test, probabilities, HIGH_RISK, costs.false_positive),
            },
            **manifest["thresholds"],
        },
        "calibration": {
            "method": manifest["calibration"]["method"],
            "brier_score": model.metrics["brier_score"],
            "expected_calibration_error": bins.expected_calibration_error,
            "bins": [
                {"mean_probability": float(predicted), "share_of_fraud": float(observed), "payments": int(payments)}
                for predicted, observed, payments in zip(bins.predicted, bins.observed, bins.payments, strict=True)
            ],
        },
        "permutation_importance": _importance(data, model),
    }


def _periods(data: TrainingData) -> dict[str, Any]:
    split = data.split
    parts = (("train", split.train, data.train), ("validation", split.validation, data.validation))
    return {
        name: period.as_text() | {"payments": len(examples.payments), "frauds": int(examples.frauds.sum())}
        for name, period, examples in (*parts, ("test", split.test, data.test))
    }


def _model_figures(data: TrainingData, model: TrainedModel, scores: NDArray[np.float64]) -> dict[str, float]:
    """Figures of one model with the interval of its average precision; the same draws for every model."""
    test = data.test
    low, high = interval(resampled_average_precision(scores, test.frauds, test.payments.cards))
    figures = ranking_figures(test, data.split.test, scores, model.test_left_out)
    return figures | {AVERAGE_PRECISION_LOW: low, AVERAGE_PRECISION_HIGH: high}


def _importance(data: TrainingData, model: TrainedModel) -> dict[str, Any]:
    """On the validation period: the test period is scored once."""
    names = model.form.manifest["feature_names"]
    looked_at = model.columns[np.nonzero(model.forest.feature_importances_)[0]].tolist()
    served = model.form.model
    losses = permutation_importance(lambda vectors: raw_scores(served, vectors, threads=2), data.validation, looked_at)
    ranked = sorted(losses.items(), key=lambda item: (-item[1], item[0]))
    return {
        "period": "validation",
        "rows": min(ROWS, len(data.validation.payments)),
        "seed": SEED,
        "average_precision_lost": {names[column]: loss for column, loss in ranked},
        "never_looked_at": [name for column, name in enumerate(names) if column not in losses],
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write it as indented JSON; a reader sees the former report or this one, never half of it.

    Raises:
        TrainingError: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(report_text(report), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise TrainingError(
            f"The report cannot be written to {path} ({error.strerror}): name another folder in "
            "FRAUD_TRAINING_REPORTS_DIR."
        ) from error


def report_text(report: dict[str, Any]) -> str:
    """The report as JSON text."""
    return json.dumps(report, indent=2, allow_nan=False) + "\n"
