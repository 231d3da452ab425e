"""A table and a checkpoint that do not belong together are refused, each in one sentence that says what is wrong."""

import pytest

from fraud_stream.checkpoint_identity import CheckpointState, app_id, verify_quarantine, verify_table
from fraud_stream.errors import CheckpointError

MINE = "11111111-0000-0000-0000-000000000000"
OTHER = "22222222-0000-0000-0000-000000000000"
PATH = "s3a://bucket/checkpoints/payments"


def state(checkpoint_id: str | None = MINE, planned: int = 7, committed: int = 6) -> CheckpointState:
    return CheckpointState(PATH, checkpoint_id, planned, committed)


NEW = CheckpointState(PATH, None)


@pytest.mark.parametrize(
    ("checkpoint", "written"),
    [
        pytest.param(NEW, {}, id="first start"),
        pytest.param(CheckpointState(PATH, MINE), {}, id="stopped before its first batch"),
        pytest.param(state(), {app_id("payments", MINE): 6}, id="stopped between batches"),
        pytest.param(state(), {app_id("payments", MINE): 7}, id="killed between the table's commit and its own"),
        pytest.param(state(), {app_id("payments", MINE): 6, "redrive:abc": 900}, id="other tools wrote too"),
    ],
)
def test_what_belongs_together_may_start(checkpoint: CheckpointState, written: dict[str, int]) -> None:
    verify_table("payments", checkpoint, written)


@pytest.mark.parametrize(
    ("checkpoint", "written", "sentence"),
    [
        pytest.param(NEW, {app_id("payments", OTHER): 3}, f"from checkpoint {OTHER}", id="checkpoint deleted"),
        pytest.param(state(), {app_id("payments", OTHER): 3}, f"from checkpoint {OTHER}", id="checkpoint replaced"),
        pytest.param(state(), {}, "holds nothing of it", id="table deleted"),
        pytest.param(state(), {app_id("payments", MINE): 5}, "ends with batch 5", id="table restored from long ago"),
        pytest.param(state(), {app_id("payments", MINE): 8}, "dropped as already written", id="checkpoint rewound"),
        pytest.param(
            CheckpointState(PATH, MINE), {app_id("payments", MINE): 8}, "dropped as already written", id="offsets gone"
        ),
    ],
)
def test_what_does_not_is_refused(checkpoint: CheckpointState, written: dict[str, int], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as refusal:
        verify_table("payments", checkpoint, written)
    assert PATH in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_quarantine_may_be_fed_by_every_stream_of_this_driver_and_by_no_other() -> None:
    checkpoints = [state(), CheckpointState("s3a://bucket/checkpoints/labels", OTHER, 2, 2)]
    verify_quarantine("quarantine", checkpoints, {app_id("quarantine", MINE): 7, app_id("quarantine", OTHER): 1})
    with pytest.raises(CheckpointError, match=OTHER):
        verify_quarantine("quarantine", [state()], {app_id("quarantine", OTHER): 1})
    with pytest.raises(CheckpointError, match="dropped as already written"):
        verify_quarantine("quarantine", checkpoints, {app_id("quarantine", MINE): 8})
