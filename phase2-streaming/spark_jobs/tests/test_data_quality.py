"""What counts as a failed check of a Bronze table, and how it is said."""

from dataclasses import replace

from fraud_stream.data_quality import TableQuality

GOOD = TableQuality("transactions", "transaction_id", "user_id", 10_000, 0, 0, 0, "2026-03-01 12:00:00")


def test_a_clean_table_and_an_empty_one_pass() -> None:
    assert GOOD.failures(0.001) == []
    assert replace(GOOD, rows=0, newest_event=None).failures(0) == []


def test_a_few_repeated_ids_pass_and_one_more_does_not() -> None:
    assert replace(GOOD, duplicates=10).failures(0.001) == []
    (line,) = replace(GOOD, duplicates=11).failures(0.001)
    assert line.startswith("11 of 10000 rows repeat a transaction_id")
    assert replace(GOOD, duplicates=1).failures(0)


def test_each_missing_field_is_named() -> None:
    lines = replace(GOOD, null_ids=2, null_keys=3).failures(1)
    assert [line.partition(";")[0] for line in lines] == ["2 rows have no transaction_id", "3 rows have no user_id"]
