"""From Gold to a trained, calibrated and exported model."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from fraud_training.anomaly import ISOLATION, anomaly_scores, fit_isolation_forest
from fraud_training.baselines import baseline_scores
from fraud_training.calibration import fit_sigmoid
from fraud_training.columns import varying_columns
from fraud_training.compromised import known_compromised
from fraud_training.dataset import Examples
from fraud_training.drift import REFERENCE, describe_reference
from fraud_training.evaluate import evaluate
from fraud_training.export import (
    TIERS,
    base_value,
    check_parity,
    compile_forest,
    golden_rows,
    parity_rows,
    with_missing_values,
)
from fraud_training.forest import ForestSettings, fit_forest, trained_scores
from fraud_training.labels import LabelHistory
from fraud_training.search import Limits, Trial, best, try_candidates
from fraud_training.serving_form import ServingForm, describe_forest, raw_scores
from fraud_training.split import Period, TimeSplit, iso, plan_split
from fraud_training.thresholds import Costs, choose_thresholds, outcome
from fraud_training.warehouse import TableVersion, Warehouse

# below these a curve or an average means nothing
LEAST_TRAIN_FRAUDS = 20
LEAST_HELD_OUT_FRAUDS = 5

_DEFAULT_COSTS = Costs()
# key of the manifest
DATA_END = "data_end"
FOREST = "forest"
"""Name of the model beside those of the baselines."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The three periods a run learns from, every label, and where they came from."""

    split: TimeSplit
    train: Examples
    validation: Examples
    test: Examples
    history: LabelHistory
    now_us: int
    """Just after the newest event and the newest label."""
    features_version: TableVersion
    labels_version: TableVersion


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model, its served form and what it scored on the test period."""

    forest: RandomForestClassifier
    """Fitted on ``columns`` of the vector; the served form takes whole vectors."""
    columns: NDArray[np.intp]
    settings: ForestSettings
    """As chosen on the validation period, or as given."""
    trials: tuple[Trial, ...]
    """The candidates that were compared; none without a search."""
    form: ServingForm
    metrics: dict[str, float]
    parity_difference: float
    test_frauds: NDArray[np.bool_]
    isolation: IsolationForest
    """Fitted on ``columns`` of the vector, without labels."""
    test_scores: dict[str, NDArray[np.float64]]
    """Scores per model: ``forest`` (calibrated), each baseline, and the isolation forest."""
    test_left_out: NDArray[np.bool_]
    """Payments of cards known as compromised before their day."""


def read_training_data(
    warehouse: Warehouse,
    features: TableVersion,
    labels: TableVersion,
    feature_names: Sequence[str],
    maturity_days: int,
) -> TrainingData:
    """Read the three periods, each with the labels that may be known for it.

    Training and validation each see the labels known when the gap after them ends: when this model would have been
    trained, and calibrated before it meets its first payment of the test period. Test is judged by everything known by
    now.

    Raises:
        DataError: too little data, or a period without frauds; the message says what to bring.
    """
    span = warehouse.event_range(features)
    split = plan_split(span.start_us, span.end_us - 1, maturity_days)
    history = warehouse.labels(labels, features)
    now_us = max(span.end_us, (history.newest_known_us or 0) + 1)

    def examples(period: Period, known_before_us: int) -> Examples:
        payments = warehouse.payments(features, feature_names, period)
        return Examples.labelled(payments, history, known_before_us)

    return TrainingData(
        split=split,
        train=examples(split.train, split.train_labels_before_us).require("training", LEAST_TRAIN_FRAUDS),
        validation=examples(split.validation, split.validation_labels_before_us).require(
            "validation", LEAST_HELD_OUT_FRAUDS
        ),
        test=examples(split.test, now_us).require("test", LEAST_HELD_OUT_FRAUDS),
        history=history,
        now_us=now_us,
        features_version=features,
        labels_version=labels,
    )


def read_test_examples(
    warehouse: Warehouse, features: TableVersion, labels: TableVersion, names: Sequence[str], period: Period
) -> Examples:
    """The payments of one period with every label known by now."""
    history = warehouse.labels(labels, features)
    return Examples.labelled(warehouse.payments(features, names, period), history, (history.newest_known_us or 0) + 1)


def train_model(
    data: TrainingData,
    *,
    feature_names: tuple[str, ...],
    missing_values: Sequence[float],
    schema_hash: str,
    settings: ForestSettings,
    costs: Costs = _DEFAULT_COSTS,
    search: Limits | None = None,
    say: Say = lambda _: None,
) -> TrainedModel:
    """Fit, calibrate, export and judge a forest; the test period is scored once, by what will be served.

    Settings (unless ``search`` is None: then those given), calibration and thresholds come from the validation period.

    Raises:
        ExportRefusedError: the served form does not reproduce the forest.
    """
    train, validation, test = data.train, data.validation, data.test
    columns = varying_columns(train.payments.vectors)
    dropped = [name for position, name in enumerate(feature_names) if position not in set(columns.tolist())]
    if dropped:
        say(f"dropped {len(dropped)} features that never vary in the training period: {', '.join(dropped)}")
    trials = try_candidates(train, validation, columns, settings, search, say) if search else []
    if trials:
        chosen = best(trials)
        say(f"chosen on the validation period: {chosen.name}")
        settings = chosen.settings
    say(f"fitting {settings.trees} trees on {len(train.payments)} payments, {int(train.frauds.sum())} known frauds")
    forest = fit_forest(train.payments.vectors[:, columns], train.frauds, settings)
    served = compile_forest(forest, columns, len(feature_names))

    raw_validation = raw_scores(served, validation.payments.vectors, threads=2)
    calibration = fit_sigmoid(raw_validation, validation.frauds)
    validated = calibration(raw_validation)
    thresholds = choose_thresholds(validation, data.split.validation, validated, costs)
    reference = describe_reference(
        validation.payments.vectors, validated, feature_names, missing_values, data.split.validation
    )

    say("comparing the served form with scikit-learn")
    vectors = test.payments.vectors
    rows = parity_rows(forest, columns, vectors, missing_values)
    in_use = TIERS | {name: float(told["probability"]) for name, told in thresholds.items()}
    difference = check_parity(trained_scores(forest, columns, rows), served, rows, calibration, in_use)

    say(f"judging it on {len(test.payments)} payments of the test period")
    probabilities = calibration(raw_scores(served, vectors, threads=2))
    isolation = fit_isolation_forest(train.payments.vectors[:, columns])
    baselines = baseline_scores(train, test.payments)
    anomaly = {ISOLATION: anomaly_scores(isolation, vectors[:, columns])}
    known = known_compromised(test.payments, data.history, data.split.test, data.split.train.start_us)
    metrics = evaluate(test, data.split.test, probabilities, baselines, known)
    for threshold in thresholds.values():
        threshold["test"] = outcome(
            test, data.split.test, probabilities, threshold["probability"], costs.false_positive
        )

    serialized = served.serialize_bytes()
    manifest = describe_forest(
        serialized,
        schema_hash=schema_hash,
        feature_names=feature_names,
        base_value=base_value(forest),
        calibration=calibration,
    ) | {
        "train_period": data.split.train.as_text(),
        "validation_period": data.split.validation.as_text(),
        "test_period": data.split.test.as_text(),
        "data_version": {"features": data.features_version.as_dict(), "labels": data.labels_version.as_dict()},
        "forest_settings": asdict(settings),
        "dropped_features": dropped,
        "parity": {"rows": len(rows), "largest_difference": difference, "thresholds": in_use},
        "metrics": metrics,
        # chosen on validation; what the API calls HIGH or blocks does not depend on them
        "thresholds": thresholds,
        # the newest payment that this run knew of
        DATA_END: iso(data.split.maturation.end_us),
        # what drift is measured against
        REFERENCE: reference,
        "golden": golden_rows(served, calibration, vectors, with_missing_values(vectors, missing_values)),
    }
    return TrainedModel(
        forest=forest,
        columns=columns,
        settings=settings,
        trials=tuple(trials),
        form=ServingForm(serialized, manifest),
        metrics=metrics,
        parity_difference=difference,
        test_frauds=test.frauds,
        isolation=isolation,
        test_scores={FOREST: probabilities, **baselines, **anomaly},
        test_left_out=known,
    )
