import pytest

from fraud_training.promote import Comparison, judge_candidate, judge_challenger

GOOD = {
    "auc": 0.97,
    "average_precision": 0.6,
    "amount_average_precision": 0.1,
    "logistic_average_precision": 0.4,
    "average_precision_over_amount_low": 0.4,
    "average_precision_over_logistic_low": 0.1,
}


def test_a_candidate_that_beats_the_baselines_becomes_challenger() -> None:
    assert judge_candidate(GOOD, min_auc=0.90).passed


@pytest.mark.parametrize("baseline", ["amount", "logistic"])
def test_the_whole_interval_must_lie_above_each_baseline(baseline: str) -> None:
    verdict = judge_candidate(GOOD | {f"average_precision_over_{baseline}_low": 0.0}, min_auc=None)

    assert not verdict.passed
    assert baseline in verdict.reason
    assert "lower end of the difference +0.0000" in verdict.reason


def test_the_floor_of_auc_holds_where_there_is_one() -> None:
    weak = GOOD | {"auc": 0.85}

    assert not judge_candidate(weak, min_auc=0.90).passed
    assert "PROMOTION_MIN_AUC" in judge_candidate(weak, min_auc=0.90).reason
    assert judge_candidate(weak, min_auc=None).passed


def test_a_figure_that_is_no_number_does_not_pass() -> None:
    assert not judge_candidate(GOOD | {"average_precision_over_logistic_low": float("nan")}, min_auc=None).passed
    assert not judge_candidate(GOOD | {"auc": float("nan")}, min_auc=0.9).passed


def test_a_challenger_must_be_better_not_equal() -> None:
    assert judge_challenger(Comparison(challenger=0.61, champion=0.60, payments=100, frauds=9)).passed
    refused = judge_challenger(Comparison(challenger=0.60, champion=0.60, payments=100, frauds=9))
    assert not refused.passed
    assert "0.6000 against the champion's 0.6000 on the same 100 payments with 9 frauds" in refused.reason
