"""Messages that left their topic before they were read: retention has passed the stream's checkpoint.

The writer refuses to step over them, and would refuse for ever: its checkpoint names offsets that the broker no longer
has. Somebody has to say that it may. Then every offset from which the checkpoint goes on is moved up to where the
broker begins; nothing else changes, so a batch that was planned is still finished under its own number. The hole stays
in Bronze, and `validate` names it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fraud_stream.checkpoint_identity import CheckpointState, first_offsets
from fraud_stream.checkpoint_log import BEGIN, offsets_file
from fraud_stream.errors import CheckpointError
from fraud_stream.streams import Stream


@dataclass(frozen=True, slots=True)
class Lost:
    """Offsets ``[begin, end)`` of one partition, which the stream had not read and the broker no longer has."""

    topic: str
    partition: int
    begin: int
    end: int

    def __str__(self) -> str:
        return f"{self.topic} partition {self.partition}: {self.end - self.begin} messages from offset {self.begin} on"


def lost_messages(
    s3: Any, stream: Stream, checkpoint: CheckpointState, spans: Mapping[int, tuple[int, int]]
) -> list[Lost]:
    """What lies between a stream's checkpoint and the first offsets that the broker holds, ``spans``."""
    offsets = checkpoint.offsets
    if offsets is None:
        offsets = first_offsets(s3, stream.bucket, stream.checkpoint_key)
    return lost_between(stream.topic, offsets, spans)


def lost_between(topic: str, offsets: Mapping[int, int], spans: Mapping[int, tuple[int, int]]) -> list[Lost]:
    """What a reader that goes on at ``offsets`` cannot have any more; a partition that it never read is whole."""
    begins = {partition: begin for partition, (begin, _) in spans.items()}
    return [
        Lost(topic, partition, offset, begins[partition])
        for partition, offset in sorted(offsets.items())
        if offset < begins.get(partition, 0)
    ]


def require_nothing_lost(lost: list[Lost]) -> None:
    """Refuse to step over lost messages in silence.

    Raises:
        CheckpointError: there are some; the message names them and the remedy.
    """
    if lost:
        raise CheckpointError(
            f"{'; '.join(map(str, lost))} left the topic before they were read: docs/runbooks/LostMessages.md; "
            "`fraud-stream skip-lost` lets the writer go on after them"
        )


def skip(s3: Any, stream: Stream, checkpoint: CheckpointState, lost: list[Lost]) -> None:
    """Let a checkpoint go on after lost messages. Hold the lease, and repeat it when it was interrupted."""
    names = [offsets_file(number) for number in {checkpoint.committed_batch, checkpoint.planned_batch} if number >= 0]
    if checkpoint.committed_batch < 0:
        # nothing is finished: the first batch begins where the source does
        names.append(BEGIN)
    for name in names:
        key = f"{stream.checkpoint_key}/{name}"
        text = s3.get_object(Bucket=stream.bucket, Key=key)["Body"].read().decode()
        s3.put_object(Bucket=stream.bucket, Key=key, Body=moved(text, lost).encode())


def moved(log: str, lost: list[Lost]) -> str:
    """A file of the checkpoint with its offsets, the last line, behind what is lost."""
    *head, last = log.splitlines()
    ends = {str(one.partition): one.end for one in lost}
    offsets = {
        topic: {partition: max(offset, ends.get(partition, 0)) for partition, offset in partitions.items()}
        for topic, partitions in json.loads(last).items()
    }
    return "\n".join([*head, json.dumps(offsets)])
