"""Lag and freshness: does Kafka hold messages that Bronze should have had by now?

A silent topic is fresh. Age is the time since the broker received a message, because a payment's own time says nothing
about how long it has been waiting.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fraud_stream.broker import Broker
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Stream

POLL_SECONDS = 2.0
# what to do about stale partitions
REMEDY = (
    "The Bronze writer is behind or down: make kafka-lag shows by how much, make logs SERVICE=bronze-writer why "
    "(docs/runbooks/BronzeStale.md)."
)


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a reader, Bronze (with quarantine) or a consumer group, is behind one partition."""

    topic: str
    partition: int
    broker_begin: int
    broker_end: int
    # newest offset that was read, None before the first: such a reader begins where the broker does
    newest: int | None

    @property
    def next_offset(self) -> int:
        """First offset that was not read."""
        return self.broker_begin if self.newest is None else self.newest + 1

    @property
    def lag(self) -> int:
        return max(0, self.broker_end - self.next_offset)

    @property
    def lost(self) -> int:
        """Messages that the broker no longer holds and nobody read."""
        return max(0, self.broker_begin - (0 if self.newest is None else self.newest + 1))


def partition_lags(
    broker: Broker, lakehouse: Lakehouse, streams: Sequence[Stream], quarantine: str
) -> list[PartitionLag]:
    """The lag of every partition of every stream."""
    lags = []
    for stream in streams:
        spans = broker.offsets(stream.topic)
        newest = lakehouse.newest_offsets(stream.topic, [stream.table, quarantine])
        lags += [
            PartitionLag(stream.topic, partition, begin, end, newest.get(partition))
            for partition, (begin, end) in spans.items()
        ]
    return lags


def lags_behind(
    topic: str, spans: Mapping[int, tuple[int, int]], next_offsets: Mapping[int, int]
) -> list[PartitionLag]:
    """The lag of every partition that the broker has, for a reader that says where it reads next.

    ``spans`` is what the broker holds; a partition that ``next_offsets`` does not name has never been read.
    """
    return [
        PartitionLag(topic, partition, begin, end, next_offsets[partition] - 1 if partition in next_offsets else None)
        for partition, (begin, end) in sorted(spans.items())
    ]


def oldest_unread_ms(lags: Iterable[PartitionLag], received_ms: Callable[[str, int, int], int | None]) -> int | None:
    """When the broker received the oldest message that was not read; None when there is none.

    ``received_ms(topic, partition, offset)`` is the broker's timestamp in milliseconds since the epoch.
    """
    moments = (received_ms(lag.topic, lag.partition, lag.next_offset) for lag in lags if lag.lag)
    return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True)
class StalePartition:
    """A partition whose oldest unread message has waited too long, or has vanished."""

    lag: PartitionLag
    reason: str

    def __str__(self) -> str:
        at = self.lag
        return (
            f"{at.topic} partition {at.partition}: {self.reason} (first unread offset {at.next_offset}, "
            f"broker end {at.broker_end}, lag {at.lag})"
        )


def stale_partitions(
    lags: Sequence[PartitionLag],
    received_ms: Callable[[str, int, int], int | None],
    bound_seconds: float,
    now_seconds: float,
) -> list[StalePartition]:
    """The partitions whose oldest unread message the broker received more than ``bound_seconds`` ago.

    ``received_ms(topic, partition, offset)`` is the broker's timestamp in milliseconds since the epoch.
    """
    stale = []
    for lag in lags:
        if lag.lost:
            stale.append(StalePartition(lag, f"{lag.lost} messages left the topic before they were read"))
        elif lag.lag:
            received = oldest_unread_ms([lag], received_ms)
            if received is not None and (age := now_seconds - received / 1000) > bound_seconds:
                stale.append(StalePartition(lag, f"the oldest unread message has waited {age:.0f} s"))
    return stale


def wait_until_fresh(
    broker: Broker,
    lakehouse: Lakehouse,
    streams: Sequence[Stream],
    quarantine: str,
    *,
    bound_seconds: float,
    wait_seconds: float,
) -> tuple[list[PartitionLag], list[StalePartition]]:
    """Wait until Bronze has everything that the broker held at the start, at most ``wait_seconds``; then judge."""
    deadline = time.monotonic() + wait_seconds
    goal = {stream.topic: broker.end_offsets(stream.topic) for stream in streams}
    while True:
        lags = partition_lags(broker, lakehouse, streams, quarantine)
        caught_up = all(lag.next_offset >= goal[lag.topic][lag.partition] for lag in lags)
        if caught_up or time.monotonic() >= deadline:
            return lags, stale_partitions(lags, broker.timestamp_ms, bound_seconds, time.time())
        time.sleep(POLL_SECONDS)
