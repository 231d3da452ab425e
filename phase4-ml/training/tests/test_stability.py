import numpy as np
import pytest

from fraud_training.stability import LEAST_SAMPLES, PARTS, Reference, population_stability_index, reference_of

MISSING = -1.0


def index(then: np.ndarray, now: np.ndarray, missing: float | None = None) -> float:
    reference = reference_of(then, missing)
    return population_stability_index(reference.counts, reference.count(now).tolist())


def normal(seed: int, size: int = 5000, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, size).astype(np.float32)


def test_the_index_is_that_of_the_book() -> None:
    # (0.2 - 0.5) ln(0.2 / 0.5) + (0.8 - 0.5) ln(0.8 / 0.5), by hand
    assert population_stability_index([50, 50], [20, 80]) == pytest.approx(0.3 * np.log(2.5) + 0.3 * np.log(1.6))
    assert population_stability_index([10, 20, 70], [100, 200, 700]) == 0
    # it does not matter which of the two came first
    assert population_stability_index([10, 90], [30, 70]) == pytest.approx(
        population_stability_index([30, 70], [10, 90])
    )


def test_a_bin_that_one_side_left_empty_has_a_finite_index_and_one_that_both_left_empty_none() -> None:
    assert 1 < population_stability_index([100, 0], [50, 50]) < 10
    assert population_stability_index([60, 0, 40], [30, 0, 70]) == population_stability_index([60, 40], [30, 70])


@pytest.mark.parametrize(("then", "now"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_what_cannot_be_compared_is_refused(then: list[int], now: list[int]) -> None:
    with pytest.raises(ValueError, match="bins with"):
        population_stability_index(then, now)


def test_a_continuous_value_has_ten_bins_of_a_tenth_each_and_one_for_what_is_missing() -> None:
    values = normal(1)
    values[:500] = MISSING

    reference = reference_of(values, MISSING)

    assert reference.counts[0] == 500
    assert len(reference.counts) == 1 + PARTS
    assert reference.counts[1:] == pytest.approx([450] * PARTS, abs=1)
    assert reference.samples == len(values)


def test_every_value_lies_in_one_bin_and_a_cut_belongs_to_the_bin_below() -> None:
    reference = Reference(MISSING, (0.0, 1.0), (0, 1, 1, 1))

    assert reference.count(np.array([MISSING, -7, 0.0, 0.5, 1.0, 1.5, 9e9])).tolist() == [1, 2, 2, 2]


def test_the_same_distribution_is_stable_and_a_moved_one_is_not() -> None:
    assert index(normal(1), normal(2)) < 0.02
    # of two normal distributions it is the square of the distance in deviations, less what bins hide
    assert 0.8 < index(normal(1), normal(2, mean=1.0)) < 1.0


def test_a_flag_that_was_never_set_and_one_that_always_was_are_seen_to_change() -> None:
    never, always, half = np.zeros(1000, np.float32), np.ones(1000, np.float32), np.arange(1000, dtype=np.float32) % 2
    assert index(never, never) == index(always, always) == 0
    assert index(never, half) > 1
    assert index(always, half) > 1
    # below all that was there, and above it
    assert index(always, never) > 1
    assert index(never, always) > 1


def test_a_value_that_most_payments_have_does_not_hide_the_others() -> None:
    then, now = np.zeros(2000, np.float32), np.zeros(2000, np.float32)
    then[:100] = np.arange(1, 101)
    now[:600] = np.arange(1, 601)

    assert index(then, now) > 0.25


def test_values_that_go_missing_are_drift() -> None:
    now = normal(2)
    now[:2000] = MISSING

    assert index(normal(1), now, MISSING) > 0.25


def test_where_every_value_is_missing_there_is_a_reference_all_the_same() -> None:
    gone = np.full(1000, MISSING, np.float32)

    assert reference_of(gone, MISSING).counts == (1000, 0)
    assert index(gone, gone, MISSING) == 0
    assert index(gone, normal(1), MISSING) > 1


def test_a_reference_comes_back_from_json_as_it_was() -> None:
    reference = reference_of(normal(1), MISSING)

    assert Reference.from_dict(reference.as_dict()) == reference


def test_chance_alone_does_not_reach_a_notice_with_the_fewest_payments() -> None:
    reference = reference_of(normal(0, 20_000))
    found = [
        population_stability_index(reference.counts, reference.count(normal(seed, LEAST_SAMPLES)).tolist())
        for seed in range(1, 301)
    ]

    assert max(found) < 0.1
    assert np.mean(found) == pytest.approx((PARTS - 1) * (1 / LEAST_SAMPLES + 1 / 20_000), rel=0.2)
