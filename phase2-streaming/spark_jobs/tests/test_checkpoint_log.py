"""What a checkpoint's files say, and which of them are damaged; Spark's own files are in the integration tests."""

import json

import pytest

from fraud_stream.checkpoint_log import BEGIN, METADATA, checkpoint_id, files, source_offsets
from fraud_stream.checkpoint_restore import _position
from fraud_stream.errors import CheckpointError

PATH = "s3a://bucket/checkpoints/payments"
# as Spark 4.0.2 wrote them
PLAN = (
    b'v1\n{"batchWatermarkMs":0,"batchTimestampMs":1790000000000,"conf":{"spark.sql.shuffle.partitions":"2"}}\n'
    b'{"payments.raw":{"2":14,"1":7,"0":0}}'
)
FIRST = b'\x00v1\n{"payments.raw":{"0":0,"1":3}}'


def test_offsets_are_read_by_partition() -> None:
    assert source_offsets(PATH, "offsets/4", PLAN) == {0: 0, 1: 7, 2: 14}
    assert source_offsets(PATH, BEGIN, FIRST) == {0: 0, 1: 3}
    assert checkpoint_id(PATH, b'{"id":"abc"}') == "abc"


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (PLAN[:-3], "is damaged"),
        (PLAN[:60], "is damaged"),
        (b"v1", "is damaged"),
        (b"v2" + PLAN[2:], "is damaged"),
        (PLAN.replace(b"14", b"-"), "is damaged"),
        (PLAN.replace(b'{"2":14,"1":7,"0":0}', b"14"), "is damaged"),
        (b"\xff\xfe" * 40, "is damaged"),
    ],
)
def test_a_damaged_file_is_named_with_the_remedy(content: bytes, how: str) -> None:
    with pytest.raises(CheckpointError, match=f"^file offsets/4 of checkpoint {PATH} {how}") as refusal:
        source_offsets(PATH, "offsets/4", content)
    assert "make restore-checkpoint" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"abc", b"\xff"])
def test_a_damaged_id_is_named(content: bytes) -> None:
    with pytest.raises(CheckpointError, match=METADATA):
        checkpoint_id(PATH, content)


def test_what_is_written_is_what_is_read() -> None:
    written = dict(files("payments.raw", "abc", {0: 2}, 8, ({0: 40, 1: 3}, {0: 44, 1: 3})))
    assert checkpoint_id(PATH, written[METADATA]) == "abc"
    assert source_offsets(PATH, BEGIN, written[BEGIN]) == {0: 2}
    # batch 7 is done, and batch 8 is to be done again
    assert {name for name in written if "/" in name} == {BEGIN, "commits/7", "offsets/6", "offsets/7", "offsets/8"}
    assert source_offsets(PATH, "offsets/7", written["offsets/7"]) == {0: 40, 1: 3}
    assert source_offsets(PATH, "offsets/8", written["offsets/8"]) == {0: 44, 1: 3}
    assert json.loads(written["commits/7"].splitlines()[1]) == {"nextBatchWatermarkMs": 0}


@pytest.mark.parametrize(
    ("batch", "names"),
    [(0, {BEGIN, "offsets/0"}), (1, {BEGIN, "commits/0", "offsets/0", "offsets/1"})],
)
def test_a_first_batch_has_none_before_it(batch: int, names: set[str]) -> None:
    written = dict(files("payments.raw", "abc", {}, batch, ({0: 0}, {0: 40})))
    assert {name for name in written if "/" in name} == names


def test_the_newest_batch_ends_with_its_last_message_in_either_table() -> None:
    found = _position(
        "abc",
        8,
        spans={0: (0, 50), 1: (5, 9), 2: (0, 9), 3: (0, 9)},
        earlier={0: (0, 40), 3: (0, 6)},
        last={0: (43, 46), 2: (1, 3)},
    )
    assert found.batch == 8
    assert found.begins == {0: 0, 1: 5, 2: 1, 3: 0}
    assert found.before == {0: 40, 1: 5, 2: 1, 3: 6}
    assert found.ends == {0: 46, 1: 5, 2: 3, 3: 6}


def test_a_newest_batch_without_a_row_is_empty() -> None:
    found = _position("abc", 8, spans={0: (0, 50)}, earlier={0: (0, 40)}, last={})
    assert (found.before, found.ends) == ({0: 40}, {0: 40})
