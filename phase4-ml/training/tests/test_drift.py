import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.dataset import Payments
from fraud_training.drift import REFERENCE, Bounds, Drift, Verdict, drift_report, drift_table, measure_drift
from fraud_training.split import DAY_US, Period
from fraud_training.stability import LEAST_SAMPLES
from fraud_training.train import TrainedModel, TrainingData

DAYS = 7
AMOUNT = FEATURE_NAMES[AMOUNT_COLUMN]
BOUNDS = Bounds()


def newest(payments: Payments) -> np.ndarray:
    """Vectors of the newest days."""
    return payments.vectors[payments.event_us >= payments.event_us[-1] + 1 - DAYS * DAY_US]


def look(trained: TrainedModel, vectors: np.ndarray) -> Drift:
    return measure_drift(trained.form.manifest, vectors, trained.form.probabilities(vectors), BOUNDS)


@pytest.fixture
def vectors(payments_and_frauds: tuple[Payments, np.ndarray]) -> np.ndarray:
    return newest(payments_and_frauds[0])


def test_a_world_that_stays_as_it_was_has_not_drifted(trained: TrainedModel, vectors: np.ndarray) -> None:
    found = look(trained, vectors)

    assert len(vectors) > LEAST_SAMPLES
    assert {one.verdict for one in found.features} == {Verdict.STABLE}
    assert found.score.verdict is Verdict.STABLE
    assert found.drifted == ()


def test_amounts_three_times_as_large_in_the_newest_days_are_caught(trained: TrainedModel, vectors: np.ndarray) -> None:
    dearer = vectors.copy()
    known = dearer[:, AMOUNT_COLUMN] > 0
    dearer[known, AMOUNT_COLUMN] *= 3

    found = look(trained, dearer)

    assert found.drifted == (AMOUNT,)
    assert found.features[0].name == AMOUNT
    assert found.features[0].index is not None
    assert found.features[0].index > BOUNDS.drift
    assert {one.verdict for one in found.features[1:]} == {Verdict.STABLE}


def test_what_moves_the_score_is_drift_of_the_score(trained: TrainedModel, vectors: np.ndarray) -> None:
    riskier = vectors.copy()
    riskier[:, 1:3] *= 4

    found = look(trained, riskier)

    assert found.score.verdict is Verdict.DRIFTED
    assert set(found.drifted) == set(FEATURE_NAMES[1:3])


def test_both_sides_tell_how_many_payments_they_are(
    trained: TrainedModel, training_data: TrainingData, vectors: np.ndarray
) -> None:
    found = look(trained, vectors)

    for one in (found.score, *found.features):
        assert (one.reference_payments, one.payments) == (len(training_data.validation.payments), len(vectors))


@pytest.mark.parametrize(("payments", "judged"), [(LEAST_SAMPLES - 1, False), (LEAST_SAMPLES, True)])
def test_too_few_payments_are_never_judged(
    trained: TrainedModel, vectors: np.ndarray, payments: int, judged: bool
) -> None:
    few = np.full_like(vectors[:payments], 1e6)

    found = look(trained, few)

    assert (found.score.index is not None) is judged
    assert {one.verdict is Verdict.TOO_FEW for one in found.features} == {not judged}
    assert bool(found.drifted) is judged


def test_a_feature_that_the_model_does_not_look_at_may_change_without_harm(
    trained: TrainedModel, vectors: np.ndarray
) -> None:
    dropped = trained.form.manifest["dropped_features"][0]
    changed = vectors.copy()
    changed[:, FEATURE_NAMES.index(dropped)] += 5

    found = look(trained, changed)

    assert (found.features[0].name, found.features[0].verdict) == (dropped, Verdict.DRIFTED)
    assert found.drifted == ()


def test_the_reference_is_the_validation_period_as_the_model_saw_it(
    trained: TrainedModel, training_data: TrainingData
) -> None:
    reference = trained.form.manifest[REFERENCE]
    validation = training_data.validation.payments

    assert reference["period"] == training_data.split.validation.as_text()
    assert reference["payments"] == len(validation)
    assert reference["features"].keys() == set(FEATURE_NAMES)
    again = look(trained, validation.vectors)
    assert {one.index for one in (again.score, *again.features)} == {0.0}


def test_what_the_test_period_holds_does_not_change_the_reference(
    trained: TrainedModel, training_data: TrainingData, train_on: Any
) -> None:
    test = training_data.test
    vectors = test.payments.vectors.copy()
    vectors[:, AMOUNT_COLUMN] *= 9
    other = replace(training_data, test=replace(test, payments=replace(test.payments, vectors=vectors)))

    assert train_on(other).form.manifest[REFERENCE] == trained.form.manifest[REFERENCE]


def test_an_index_on_a_bound_has_reached_it() -> None:
    verdicts = [BOUNDS.verdict(index) for index in (None, 0.0, 0.0999, 0.1, 0.2499, 0.25)]

    assert verdicts == [
        *(Verdict.TOO_FEW, Verdict.STABLE, Verdict.STABLE),
        *(Verdict.SHIFTED, Verdict.SHIFTED, Verdict.DRIFTED),
    ]


def test_report_and_table_name_the_worst_first(trained: TrainedModel, vectors: np.ndarray) -> None:
    dearer = vectors.copy()
    dearer[:, AMOUNT_COLUMN] *= 3
    found = look(trained, dearer)
    reference = trained.form.manifest[REFERENCE]["period"]

    report = drift_report(found, 4, reference, Period(0, DAYS * DAY_US))
    score, worst = drift_table(found).splitlines()[1:3]

    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert (report["version"], report["drifted_features"]) == (4, [AMOUNT])
    assert report["features"][0]["verdict"] == "drifted"
    assert score.startswith("score")
    assert worst.startswith(AMOUNT)
    assert worst.endswith("drifted")
