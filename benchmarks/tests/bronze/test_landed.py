import pytest

from fraud_benchmarks.bronze.landed import Found, Landed, compare
from fraud_benchmarks.errors import BenchmarkError

SPANS = {0: (10, 20), 1: (0, 5)}
ALL = {0: Found(10, 10, 10, 19), 1: Found(5, 5, 0, 4)}


def test_every_message_once_is_nothing_lost_and_nothing_twice() -> None:
    assert compare(ALL, SPANS) == Landed(lost=0, duplicated=0)


def test_missing_messages_and_whole_partitions_are_lost() -> None:
    assert compare({0: Found(8, 8, 10, 19)}, SPANS) == Landed(lost=7, duplicated=0)


def test_a_duplicate_does_not_hide_a_loss() -> None:
    assert compare(ALL | {0: Found(10, 9, 10, 19)}, SPANS) == Landed(lost=1, duplicated=1)


@pytest.mark.parametrize("strange", [{0: Found(10, 10, 9, 18)}, {0: Found(10, 10, 11, 20)}, {2: Found(1, 1, 0, 0)}])
def test_coordinates_that_the_topic_does_not_have_are_refused(strange: dict[int, Found]) -> None:
    with pytest.raises(BenchmarkError, match="offsets of partition"):
        compare(ALL | strange, SPANS)
