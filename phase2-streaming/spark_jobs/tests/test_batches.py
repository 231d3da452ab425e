"""How a batch is cut into tasks, what is noted of its rows, and how often the small files of a table are folded."""

import pytest

from fraud_contracts import RAW_TOPICS
from fraud_stream.batches import (
    COMPACT_EVERY_BATCHES,
    LEFT_OUT,
    ROWS_PER_FILE,
    Rejection,
    batches_between_compactions,
    compaction_is_due,
    tasks_for,
)
from fraud_stream.decode import FRAMING_REASONS
from fraud_stream.quality_checks import checks_of


@pytest.mark.parametrize(
    ("trigger_seconds", "batches"), [(10, 60), (2, 300), (1, 600), (0.5, 1200), (900, 1), (0, COMPACT_EVERY_BATCHES)]
)
def test_compaction_is_due_every_ten_minutes_whatever_the_trigger(trigger_seconds: float, batches: int) -> None:
    assert batches_between_compactions(trigger_seconds) == batches


@pytest.mark.parametrize(("every", "due"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [2, 5]), (60, [])])
def test_the_last_batch_of_so_many_folds(every: int, due: list[int]) -> None:
    assert [batch_id for batch_id in range(7) if compaction_is_due(batch_id, every)] == due


@pytest.mark.parametrize(
    ("recent", "cores", "tasks"),
    [
        (None, 4, 4),
        (0, 4, 1),
        (ROWS_PER_FILE - 1, 4, 1),
        (ROWS_PER_FILE, 4, 2),
        (50 * ROWS_PER_FILE, 4, 4),
        (ROWS_PER_FILE, 1, 1),
    ],
)
def test_a_batch_is_cut_by_the_size_of_the_one_before_it(recent: int | None, cores: int, tasks: int) -> None:
    assert tasks_for(recent, cores) == tasks


def test_a_rejection_is_read_from_its_text() -> None:
    assert Rejection.parse("3:1704:33") == Rejection(3, 1704, 33)


def test_every_reason_of_a_topic_has_a_bit_of_a_bigint() -> None:
    for topic in RAW_TOPICS:
        judging = [check for check in checks_of(topic) if check.severity == "quarantine"]
        assert len(FRAMING_REASONS) + len(judging) + len([LEFT_OUT]) < 63
