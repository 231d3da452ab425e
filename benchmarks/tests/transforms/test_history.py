"""What is held against each other: counts, and tables by their contents."""

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.transforms.history import differing_rows, differing_tables, together
from fraud_benchmarks.transforms.lake import Content


def test_counts_tell_what_is_lost_and_what_is_there_too_often() -> None:
    assert differing_rows(10, 10) == Landed(0, 0)
    assert differing_rows(10, 7) == Landed(3, 0)
    assert differing_rows(10, 12) == Landed(0, 2)


def test_equal_tables_do_not_differ() -> None:
    assert differing_tables({"a": Content(3, "X")}, {"a": Content(3, "X")}) == {}


def test_as_many_rows_with_another_checksum_are_a_lost_and_a_wrong_one() -> None:
    assert differing_tables({"a": Content(3, "X")}, {"a": Content(3, "Y")}) == {"a": Landed(1, 1)}


def test_a_table_that_is_not_there_lacks_all_its_rows() -> None:
    there, wanted = {"a": Content(3, "X"), "old": Content(2, "Z")}, {"a": Content(5, "Y"), "b": Content(4, "W")}
    found = differing_tables(there, wanted)
    assert found == {"a": Landed(2, 0), "b": Landed(4, 0), "old": Landed(0, 2)}
    assert together(*found.values()) == Landed(6, 2)
    assert together() == Landed(0, 0)
