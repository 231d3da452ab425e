import json

import numpy as np
import pytest

from fraud_training.export import TIERS
from fraud_training.shadow import compare_scores, rank_correlation, shadow_table, thresholds_in_use
from fraud_training.stability import LEAST_SAMPLES
from fraud_training.train import TrainedModel, TrainingData


def test_disagreement_is_counted_at_each_threshold() -> None:
    champion = np.array([0.1, 0.3, 0.5, 0.9])
    challenger = np.array([0.1, 0.6, 0.2, 0.9])

    found = compare_scores(champion, challenger, {"HIGH": 0.5, "CRITICAL": 0.8, "nobody": 0.95})

    high, critical, nobody = (found.at[name] for name in ("HIGH", "CRITICAL", "nobody"))
    assert (high.both, high.champion_only, high.challenger_only, high.share) == (1, 1, 1, 0.5)
    assert (critical.both, critical.champion_only, critical.challenger_only, critical.share) == (1, 0, 0, 0)
    assert (nobody.both, nobody.share) == (0, 0)
    assert found.mean_difference == pytest.approx((0.3 + 0.3) / 4)


def test_a_payment_on_the_threshold_is_an_alert() -> None:
    found = compare_scores(np.array([0.5]), np.array([np.nextafter(0.5, 0)]), {"HIGH": 0.5})

    assert found.at["HIGH"].champion_only == 1


def test_equal_models_agree_on_everything(trained: TrainedModel, training_data: TrainingData) -> None:
    scores = trained.form.probabilities(training_data.test.payments.vectors)

    found = compare_scores(scores, scores, thresholds_in_use(trained.form))

    assert {one.share for one in found.at.values()} == {0}
    assert found.mean_difference == 0
    assert found.rank_correlation == pytest.approx(1)


def test_another_forest_disagrees_somewhere(
    trained: TrainedModel, training_data: TrainingData, train_on: object
) -> None:
    vectors = training_data.test.payments.vectors
    other = train_on(training_data, seed=8)  # type: ignore[operator]

    found = compare_scores(
        trained.form.probabilities(vectors), other.form.probabilities(vectors), thresholds_in_use(trained.form)
    )

    assert max(one.share for one in found.at.values()) > 0
    assert 0 < found.mean_difference < 0.1
    assert found.rank_correlation is not None
    assert 0 < found.rank_correlation < 1


def test_the_thresholds_are_those_of_the_api_and_those_that_were_chosen(trained: TrainedModel) -> None:
    chosen = trained.form.manifest["thresholds"]

    assert thresholds_in_use(trained.form) == TIERS | {name: chosen[name]["probability"] for name in chosen}


def test_ranks_that_are_shared_are_shared_evenly() -> None:
    # ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
    assert rank_correlation(np.array([1.0, 2, 2, 9]), np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx(
        4.5 / np.sqrt(4.5 * 5)
    )
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)


def test_a_model_that_always_says_the_same_has_no_ranking() -> None:
    found = compare_scores(np.full(9, 0.1), np.linspace(0, 1, 9), {"HIGH": 0.5})

    assert found.rank_correlation is None
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize(("decisions", "is_enough"), [(LEAST_SAMPLES - 1, False), (LEAST_SAMPLES, True)])
def test_few_decisions_are_told_and_not_judged(decisions: int, is_enough: bool) -> None:
    scores = np.linspace(0, 1, decisions)

    assert compare_scores(scores, scores, {"HIGH": 0.5}).is_enough is is_enough


def test_the_table_has_a_row_for_each_threshold() -> None:
    found = compare_scores(np.array([0.6, 0.1]), np.array([0.1, 0.1]), {"HIGH": 0.5})

    assert shadow_table(found).splitlines()[1].split() == ["HIGH", "50.000%", "0", "1", "0"]
