"""How far every reader is: the Bronze stream by its checkpoint, consumer groups by what they committed.

Spark commits no group offsets, so the stream's own end offsets are in its checkpoint only. They are read from there
whether the stream runs or not: the lag of a dead one grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_stream.broker import Broker, Place
from fraud_stream.checkpoint_identity import CheckpointState, first_offsets, read_checkpoint
from fraud_stream.errors import CheckpointError
from fraud_stream.freshness import PartitionLag, lags_behind, oldest_unread_ms
from fraud_stream.streams import Layout, Stream

BRONZE_GROUP = "bronze-stream"

Spans = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """What one stream has finished: half-open ranges of offsets by partition."""

    begins: Mapping[int, int]
    # next offset to read; nothing for a stream that never finished a batch
    ends: Mapping[int, int]

    @property
    def has_begun(self) -> bool:
        return bool(self.ends)

    def begin(self, partition: int) -> int:
        """Where the stream began to read a partition; one that was added later is read from its first message."""
        return self.begins.get(partition, 0)


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What the broker holds, and what groups have read of it."""

    # by topic: every partition of every topic that exists
    spans: Mapping[str, Spans]
    # by group: the lag of every partition of every topic that the group reads
    group_lags: Mapping[str, Sequence[PartitionLag]]
    # by topic: when the broker received the oldest message that Bronze lacks, None when it lacks none; a topic is
    # absent while that is not known
    unread_since_ms: Mapping[str, int | None]


class Checkpoints:
    """The Bronze stream's checkpoints in the object store."""

    def __init__(self, s3: Any, layout: Layout) -> None:
        self._s3 = s3
        self._layout = layout
        # by id of the checkpoint: what a stream began with never changes
        self._begins: dict[str, Mapping[int, int]] = {}

    def read(self) -> dict[str, StreamPosition]:
        """Every stream's position by topic.

        Raises:
            CheckpointError: the object store does not answer, or a checkpoint cannot be read.
        """
        try:
            return {stream.topic: self._position(stream) for stream in self._layout.streams}
        except (BotoCoreError, ClientError) as error:
            raise CheckpointError(f"the checkpoints in bucket {self._layout.bucket} cannot be read: {error}") from error

    def _position(self, stream: Stream) -> StreamPosition:
        state = read_checkpoint(self._s3, self._layout.bucket, stream.checkpoint_key)
        if state.id is None or state.committed_batch < 0:
            return StreamPosition({}, {})
        if state.offsets is None:
            # between listing and reading, Spark has removed the batch; next time there is a newer one
            raise CheckpointError(f"checkpoint {state.path} has lost batch {state.committed_batch} while it was read")
        return StreamPosition(self._begin(stream, state), state.offsets)

    def _begin(self, stream: Stream, state: CheckpointState) -> Mapping[int, int]:
        checkpoint_id = str(state.id)
        if checkpoint_id not in self._begins:
            found = first_offsets(self._s3, self._layout.bucket, stream.checkpoint_key)
            self._begins[checkpoint_id] = found
        return self._begins[checkpoint_id]


class BrokerReader:
    """Asks the broker about all topics of a layout and the groups that read them."""

    def __init__(self, broker: Broker, layout: Layout, groups: Sequence[str]) -> None:
        self._broker = broker
        self._layout = layout
        self._groups = groups
        # when a message came never changes, and a stream that is stuck asks for the same one again and again
        self._received_ms: dict[Place, int] = {}

    def read(self, positions: Mapping[str, StreamPosition] | None) -> BrokerState:
        """The broker's state now, a moment after ``positions`` were read; None when they are not known.

        Raises:
            BrokerError: the broker does not answer.
        """
        topics = [name for stream in self._layout.streams for name in (stream.topic, stream.dead_letter_topic)]
        spans = self._broker.existing_offsets(topics)
        return BrokerState(
            spans=spans,
            group_lags={group: self._group_lags(group, spans) for group in self._groups},
            unread_since_ms={} if positions is None else self._unread_since(stream_lags(spans, positions)),
        )

    def _group_lags(self, group: str, spans: Mapping[str, Spans]) -> list[PartitionLag]:
        return [
            lag
            for topic, committed in sorted(self._broker.committed_offsets(group).items())
            for lag in lags_behind(topic, spans.get(topic, {}), committed)
        ]

    def _unread_since(self, lags: Sequence[PartitionLag]) -> dict[str, int | None]:
        behind = {(lag.topic, lag.partition, lag.next_offset): lag for lag in lags if lag.lag}
        known = {place: moment for place, moment in self._received_ms.items() if place in behind}
        self._received_ms = known | self._broker.timestamps_ms(place for place in behind if place not in known)
        since: dict[str, int | None] = {}
        for topic in sorted({lag.topic for lag in lags}):
            of_topic = [lag for lag in lags if lag.topic == topic]
            oldest = oldest_unread_ms(of_topic, lambda *place: self._received_ms.get(place))
            if oldest is not None or not any(lag.lag for lag in of_topic):
                since[topic] = oldest
        return since


def stream_lags(spans: Mapping[str, Spans], positions: Mapping[str, StreamPosition]) -> list[PartitionLag]:
    """The lag of the Bronze stream for every partition of every topic that exists."""
    return [
        lag
        for topic, position in sorted(positions.items())
        for lag in lags_behind(topic, spans.get(topic, {}), position.ends)
    ]
