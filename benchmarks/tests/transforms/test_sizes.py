"""The two histories: one world, one end, and the lengths that were asked for."""

from dataclasses import replace

import pytest

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.transforms.sizes import DAYS, END_US, HOUR_US, Sizes
from fraud_producer.simulator.config import DAY_US


def test_the_long_history_covers_thirty_days_and_the_short_one_as_many_fewer_as_it_has_payments() -> None:
    sizes = Sizes()
    assert END_US - sizes.long().start_us == 30 * DAY_US
    assert END_US - sizes.short().start_us == 3 * DAY_US
    assert sizes.long().transactions_per_day * DAYS == pytest.approx(5_000_000)


def test_both_are_of_one_world() -> None:
    sizes = Sizes(200_000, 50_000)
    assert replace(sizes.short(), start_us=sizes.long().start_us) == sizes.long()


def test_the_hour_that_is_added_begins_at_noon() -> None:
    assert END_US % DAY_US == 12 * HOUR_US


@pytest.mark.parametrize(("rows", "small"), [(100, 100), (100, 0), (0, 0), (27_000_001, 1)])
def test_impossible_sizes_are_refused(rows: int, small: int) -> None:
    with pytest.raises(BenchmarkError, match=r"rows is \d+: use"):
        Sizes(rows, small)


def test_only_the_sizes_of_the_target_are_standard() -> None:
    assert Sizes().are_standard
    assert not Sizes(4_999_999).are_standard
