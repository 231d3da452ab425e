"""The median's interval and the nearest-rank percentile, against published values and by simulation."""

import random
from statistics import median

import pytest

from fraud_benchmarks.medians import median_interval, percentile


@pytest.mark.parametrize(
    # the table of order-statistic intervals at 95 %: from the k-th smallest to the k-th largest of n
    ("count", "rank"),
    [(6, 1), (7, 1), (8, 1), (9, 2), (10, 2), (11, 2), (12, 3), (15, 4), (20, 6), (30, 10), (50, 18)],
)
def test_bounds_are_the_order_statistics_of_the_published_table(count: int, rank: int) -> None:
    values = [float(value) for value in range(1, count + 1)]
    random.Random(count).shuffle(values)
    interval = median_interval(values)
    assert (interval.low, interval.high) == (rank, count + 1 - rank)
    assert interval.median == (count + 1) / 2


@pytest.mark.parametrize("count", [1, 2, 5])
def test_too_few_values_have_a_median_but_no_interval(count: int) -> None:
    interval = median_interval([3.0] * count)
    assert (interval.median, interval.low, interval.high) == (3.0, None, None)


def test_a_lower_confidence_takes_a_narrower_interval() -> None:
    values = [float(value) for value in range(1, 8)]
    # 1 - 2 (1 + 7) / 128 = 0.875
    assert (median_interval(values, 0.875).low, median_interval(values, 0.875).high) == (2.0, 6.0)
    assert (median_interval(values, 0.876).low, median_interval(values, 0.876).high) == (1.0, 7.0)


@pytest.mark.parametrize("count", [7, 9, 12])
def test_the_interval_holds_the_true_median_as_often_as_it_says(count: int) -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(4000):
        interval = median_interval([chance.lognormvariate(0, 1) for _ in range(count)])
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 1.0 <= interval.high
    # three standard errors of a share of 0.95 in 4000
    assert held / 4000 >= 0.95 - 3 * (0.95 * 0.05 / 4000) ** 0.5


def test_the_median_is_that_of_the_standard_library() -> None:
    values = [9.0, 1.0, 4.0, 2.0, 8.0, 3.0]
    assert median_interval(values).median == median(values)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(20, 0.95, 19), (100, 0.95, 95), (100, 0.5, 50), (1, 0.95, 1), (7, 1.0, 7)]
)
def test_a_percentile_is_the_nearest_rank(count: int, share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(count, 0, -1)], share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_that_does_not_exist_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)


def test_the_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median_interval([])
