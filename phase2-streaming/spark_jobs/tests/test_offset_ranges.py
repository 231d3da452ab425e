"""Ranges must behave like the sets of numbers that they stand for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.offset_ranges import OffsetRanges

OFFSETS = st.sets(st.integers(0, 60))


@given(OFFSETS, OFFSETS)
def test_set_algebra_equals_that_of_python_sets(left: set[int], right: set[int]) -> None:
    ranges, others = OffsetRanges.of_offsets(left), OffsetRanges.of_offsets(right)
    assert set(ranges | others) == left | right
    assert set(ranges & others) == left & right
    assert set(ranges - others) == left - right
    assert len(ranges - others) == len(left - right)


@given(OFFSETS)
def test_ranges_are_sorted_and_never_touch(offsets: set[int]) -> None:
    ranges = OffsetRanges.of_offsets(offsets).ranges
    assert all(begin < end for begin, end in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


@given(OFFSETS, st.integers(0, 60))
def test_below_cuts_off_the_rest(offsets: set[int], end: int) -> None:
    assert set(OffsetRanges.of_offsets(offsets).below(end)) == {offset for offset in offsets if offset < end}


def test_an_intact_partition_is_one_range_whatever_its_length() -> None:
    everything = OffsetRanges.of_ranges([(0, 5_000_000), (5_000_000, 9_000_000)])
    assert everything.ranges == ((0, 9_000_000),)
    assert not everything - everything
    assert everything.first(3) == [0, 1, 2]
