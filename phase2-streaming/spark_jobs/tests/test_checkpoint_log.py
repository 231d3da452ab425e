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


@pytest.mark.parametrize(
    ("is_finished", "names"),
    [(False, {"commits/7", "offsets/6", "offsets/7", "offsets/8"}), (True, {"commits/8", "offsets/7", "offsets/8"})],
)
def test_what_is_written_is_what_is_read(is_finished: bool, names: set[str]) -> None:
    span = ({0: 40, 1: 3}, {0: 44, 1: 3})
    written = dict(files("payments.raw", "abc", {0: 2}, 8, span, is_finished=is_finished))
    assert checkpoint_id(PATH, written[METADATA]) == "abc"
    assert source_offsets(PATH, BEGIN, written[BEGIN]) == {0: 2}
    assert {name for name in written if "/" in name} == {BEGIN, *names}
    assert source_offsets(PATH, "offsets/7", written["offsets/7"]) == {0: 40, 1: 3}
    assert source_offsets(PATH, "offsets/8", written["offsets/8"]) == {0: 44, 1: 3}
    (commit,) = (written[name] for name in names if name.startswith("commits/"))
    assert json.loads(commit.splitlines()[1]) == {"nextBatchWatermarkMs": 0}


@pytest.mark.parametrize(
    ("batch", "is_finished", "names"),
    [
        (0, False, {BEGIN, "offsets/0"}),
        (0, True, {BEGIN, "commits/0", "offsets/0"}),
        (1, False, {BEGIN, "commits/0", "offsets/0", "offsets/1"}),
    ],
)
def test_a_first_batch_has_none_before_it(batch: int, is_finished: bool, names: set[str]) -> None:
    written = dict(files("payments.raw", "abc", {}, batch, ({0: 0}, {0: 40}), is_finished=is_finished))
    assert {name for name in written if "/" in name} == names


def test_a_batch_with_a_hole_ends_with_its_last_message_in_either_table_and_is_not_finished() -> None:
    found = _position(
        "abc",
        8,
        spans={0: (0, 50), 1: (5, 9), 2: (0, 9), 3: (0, 9)},
        earlier={0: (0, 40, 40), 3: (0, 6, 6)},
        last={0: (43, 46, 3), 2: (1, 3, 2)},
    )
    assert (found.batch, found.is_finished) == (8, False)
    # nothing of partition 2 landed before: the message before the first one that did has not been set aside yet
    assert found.begins == {0: 0, 1: 5, 2: 0, 3: 0}
    assert found.before == {0: 40, 1: 5, 2: 0, 3: 6}
    assert found.ends == {0: 46, 1: 5, 2: 3, 3: 6}


@pytest.mark.parametrize("last", [{}, {0: (40, 45, 5)}])
def test_a_batch_of_which_every_message_is_there_is_finished_though_the_broker_has_forgotten_it(
    last: dict[int, tuple[int, int, int]],
) -> None:
    found = _position("abc", 8, spans={0: (60, 60)}, earlier={0: (0, 40, 40)}, last=last)
    assert found.is_finished
    assert (found.begins, found.before) == ({0: 0}, {0: 40})
    assert found.ends == {0: 45 if last else 40}
