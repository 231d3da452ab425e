"""How far a topic reaches in event time, per partition, read from its newest messages."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Message

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer.avro import Decoder
from fraud_producer.events import Event, to_us
from fraud_producer.message_ranges import TopicReader
from fraud_producer.partitioning import partition_of
from fraud_producer.registry import Registry
from fraud_producer.side_events import is_side_id
from fraud_producer.topics import Topics

# A replayed file need not be in order, so the newest message is not always the newest event.
_TAIL: Final = 100
_FURTHER_BACK: Final = 10


@dataclass(frozen=True, slots=True)
class Positions:
    """Newest event time of each partition that holds messages, in microseconds, and the messages in all.

    ``newest_ids`` are the events of that very moment: the payments of a file may share one. Messages beside the
    sequence (``side_events``) count among all, but say nothing of how far it reaches.
    """

    topic: str
    partitions: int
    messages: int
    newest_us: dict[int, int]
    newest_ids: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def newest(self) -> int | None:
        """Newest event time of the topic; None when it is empty."""
        return max(self.newest_us.values(), default=None)

    @property
    def complete_until(self) -> int | None:
        """No partition misses an event older than this; None when a partition is empty."""
        return min(self.newest_us.values()) if len(self.newest_us) == self.partitions else None

    def holds(self, event: Event) -> bool:
        """Whether an ordered sender had this event acknowledged before it stopped.

        A partition takes one sender's messages in order, so what is older than its newest message is there.
        """
        partition = partition_of(event.key, self.partitions)
        newest = self.newest_us.get(partition, -1)
        if event.event_us != newest:
            return event.event_us < newest
        return partition not in self.newest_ids or event.event_id in self.newest_ids[partition]


def read_positions(bootstrap_servers: str, registry_url: str, topic: str) -> Positions:
    """Positions of a topic.

    Raises:
        TopicError: it does not exist.
        UnreachableError: the broker or the registry does not answer.
    """
    partitions = Topics(bootstrap_servers).partitions(topic)
    with Registry(registry_url) as registry:
        decoder = Decoder(registry.schema_text)
        reader = TopicReader(bootstrap_servers, topic, partitions)
        count = _TAIL
        while True:
            newest, ids = _newest(decoder, reader.last(count))
            if len(newest) == reader.filled or count >= reader.longest:
                break
            # only messages beside the sequence at the end of a partition: look further back
            count *= _FURTHER_BACK
    return Positions(topic, partitions, reader.messages, newest, {key: frozenset(value) for key, value in ids.items()})


def _newest(decoder: Decoder, messages: Iterator[Message]) -> tuple[dict[int, int], dict[int, set[str]]]:
    """By partition: the newest event time, and the ids of that moment."""
    newest: dict[int, int] = {}
    ids: dict[int, set[str]] = {}
    for message in messages:
        try:
            record = decoder.decode(message.value() or b"")
            moment, event_id = to_us(record["event_time"]), _id_of(record)
        except (ValueError, KeyError):
            continue  # bytes of somebody else; they end in quarantine
        if is_side_id(event_id):
            continue
        partition = message.partition() or 0
        if moment > newest.get(partition, -1):
            newest[partition], ids[partition] = moment, set()
        if moment == newest[partition]:
            ids[partition].add(event_id)
    return newest, ids


def _id_of(record: dict[str, Any]) -> str:
    # labels and alerts name their payment too
    own = (topic.id_field for topic in RAW_TOPICS if topic is not TRANSACTIONS)
    return str(record[next((name for name in own if name in record), TRANSACTIONS.id_field)])
