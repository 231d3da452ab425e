"""What retention removed before it was read is named, and a checkpoint is moved behind it and nowhere else."""

import json

import pytest

from fraud_stream.errors import CheckpointError
from fraud_stream.lost_messages import Lost, lost_between, moved, require_nothing_lost

SPANS = {0: (0, 50), 1: (30, 90), 2: (12, 12), 3: (5, 9)}


def test_what_lies_before_the_brokers_first_offset_is_lost() -> None:
    assert lost_between("t.raw", {0: 0, 1: 29, 2: 3}, SPANS) == [Lost("t.raw", 1, 29, 30), Lost("t.raw", 2, 3, 12)]


def test_a_reader_at_the_brokers_first_offset_lost_nothing() -> None:
    require_nothing_lost(lost_between("t.raw", {0: 50, 1: 30, 2: 12}, SPANS))


def test_the_refusal_names_partition_offset_number_and_remedy() -> None:
    with pytest.raises(CheckpointError, match=r"t\.raw partition 2: 9 messages from offset 3 on .*skip-lost"):
        require_nothing_lost(lost_between("t.raw", {2: 3}, SPANS))


@pytest.mark.parametrize("head", ['v1\n{"batchWatermarkMs":0}\n', "v1\n"], ids=["a batch", "the first offsets"])
def test_offsets_move_behind_what_is_lost(head: str) -> None:
    lost = [Lost("t.raw", 1, 29, 30), Lost("t.raw", 2, 3, 12)]
    text = moved(head + json.dumps({"t.raw": {"0": 7, "1": 29, "2": 40}}), lost)
    assert text.startswith(head)
    # the third was planned beyond the hole already
    assert json.loads(text.removeprefix(head)) == {"t.raw": {"0": 7, "1": 30, "2": 40}}
