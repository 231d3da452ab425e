"""How often the small files of a table are folded."""

import pytest

from fraud_stream.batches import COMPACT_EVERY_BATCHES, batches_between_compactions


@pytest.mark.parametrize(
    ("trigger_seconds", "batches"), [(10, 60), (2, 300), (1, 600), (0.5, 1200), (900, 1), (0, COMPACT_EVERY_BATCHES)]
)
def test_compaction_is_due_every_ten_minutes_whatever_the_trigger(trigger_seconds: float, batches: int) -> None:
    assert batches_between_compactions(trigger_seconds) == batches
