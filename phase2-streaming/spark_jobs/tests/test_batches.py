"""How often the small files of a table are folded."""

import pytest

from fraud_stream.batches import COMPACT_EVERY_BATCHES, batches_between_compactions, compaction_is_due


@pytest.mark.parametrize(
    ("trigger_seconds", "batches"), [(10, 60), (2, 300), (1, 600), (0.5, 1200), (900, 1), (0, COMPACT_EVERY_BATCHES)]
)
def test_compaction_is_due_every_ten_minutes_whatever_the_trigger(trigger_seconds: float, batches: int) -> None:
    assert batches_between_compactions(trigger_seconds) == batches


@pytest.mark.parametrize(("every", "due"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [2, 5]), (60, [])])
def test_the_last_batch_of_so_many_folds(every: int, due: list[int]) -> None:
    assert [batch_id for batch_id in range(7) if compaction_is_due(batch_id, every)] == due
