"""Arithmetic of the rounds: ratios of pairs, verdicts, and what a lost row does to them."""

import pytest

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.transforms.pipeline import Build, Model
from fraud_benchmarks.transforms.rounds import Round, growth_result, increment_result, model_results
from fraud_benchmarks.transforms.sizes import Sizes

NONE = Landed(0, 0)


def build(seconds: float) -> Build:
    return Build(seconds, [Model("stg_a", 0.9), Model("int_a", seconds / 2), Model("mart_b", seconds / 4)])


def one(
    increment: float, refresh: float, small: float = 1.0, wrong: Landed = NONE, small_wrong: Landed = NONE
) -> Round:
    return Round(build(increment), build(refresh), build(small), wrong, small_wrong)


def test_increments_are_set_against_the_full_refreshes_after_them() -> None:
    result = increment_result([one(10, 100), one(14, 100)], Sizes(), NONE)
    ratio = result.ratios["full refresh"]
    assert (result.id, result.unit, result.ours, result.peers) == ("B4", "s", 12, {"full refresh": 100})
    assert (ratio.median, ratio.low, ratio.target, ratio.met) == (pytest.approx(0.12), None, "<= 0.15", True)


def test_of_two_pairs_the_worse_one_judges() -> None:
    assert increment_result([one(10, 100), one(15.1, 100)], Sizes(), NONE).ratios["full refresh"].met is False


def test_one_pair_and_smaller_histories_are_shown_and_not_judged() -> None:
    for rounds, sizes in (([one(10, 100)], Sizes()), ([one(10, 100)] * 2, Sizes(200_000, 50_000))):
        ratio = increment_result(rounds, sizes, NONE).ratios["full refresh"]
        assert (ratio.median, ratio.met) == (0.1, None)


def test_growth_sets_the_long_history_against_the_short_one() -> None:
    result = growth_result([one(15, 100, 10), one(12, 100, 10)], Sizes(), NONE)
    ratio = result.ratios["increment of 500,000"]
    assert (result.id, result.ours, result.peers) == ("B4-GROWTH", 13.5, {"increment of 500,000": 10})
    assert (ratio.median, ratio.target, ratio.met) == (pytest.approx(1.35), "<= 1.5", True)
    assert growth_result([one(16, 100, 10)] * 2, Sizes(), NONE).ratios["increment of 500,000"].met is False


def test_six_pairs_have_an_interval_and_are_judged_by_it() -> None:
    ratio = increment_result([one(10, 100)] * 5 + [one(20, 100)], Sizes(), NONE).ratios["full refresh"]
    assert (ratio.low, ratio.high, ratio.met) == (0.1, 0.2, False)


def test_a_round_with_a_wrong_row_is_counted_and_enters_no_ratio() -> None:
    rounds = [one(50, 100, wrong=Landed(1, 2)), one(10, 100)]
    result = increment_result(rounds, Sizes(), NONE)
    assert (result.ours, result.lost, result.duplicated, result.is_void) == (10, 1, 2, True)
    assert result.ratios["full refresh"].median == 0.1


def test_a_wrong_row_of_the_short_history_voids_only_what_asks_it() -> None:
    rounds = [one(10, 100, small_wrong=Landed(0, 3))]
    assert not increment_result(rounds, Sizes(), NONE).is_void
    growth = growth_result(rounds, Sizes(), NONE)
    assert (growth.ours, growth.peers, growth.ratios) == (None, {"increment of 500,000": None}, {})
    assert (growth.lost, growth.duplicated) == (0, 3)


def test_a_row_that_was_lost_before_the_first_round_voids_all_of_them() -> None:
    result = increment_result([one(10, 100)] * 2, Sizes(), Landed(4, 0))
    assert (result.ours, result.ratios, result.lost) == (None, {}, 4)


def test_a_round_without_its_rebuild_counts_for_growth_alone() -> None:
    rounds = [Round(build(15), None, build(10)), one(15, 100, 10)]
    assert increment_result(rounds, Sizes(), NONE).ours == 15
    assert len(growth_result(rounds, Sizes(), NONE).ratios) == 1


def test_each_model_that_takes_a_second_has_its_seconds_in_every_kind_of_build() -> None:
    results = model_results([one(10, 100, 4), one(14, 100, 4)], Sizes())
    assert [result.id for result in results] == ["B4.int_a", "B4.mart_b"]
    assert (results[0].ours, results[0].peers) == (6, {"full refresh": 50, "increment of 500,000": 2})
    assert results[0].ratios == {}
