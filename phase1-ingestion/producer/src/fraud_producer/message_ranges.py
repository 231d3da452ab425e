"""Reading exact ranges of offsets, and where topics end, without a consumer group's offsets."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from fraud_producer.errors import TopicError, UnreachableError

_TIMEOUT_SECONDS: Final = 15.0
# how the client says that the broker has no such topic or partition
_ABSENT: Final = (KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)

Ranges = list[tuple[int, int]]


def offset_limits(
    bootstrap_servers: str, partitions: Mapping[str, Iterable[int]]
) -> dict[str, dict[int, tuple[int, int]]]:
    """First offset and end offset of partitions, by topic and partition.

    Raises:
        TopicError: the broker has no such topic or partition.
        UnreachableError: the broker does not say.
    """
    limits: dict[str, dict[int, tuple[int, int]]] = {topic: {} for topic in partitions}
    # not the admin client: it takes a second to begin
    consumer = _reader(bootstrap_servers)
    try:
        for topic, numbers in partitions.items():
            for number in numbers:
                asked = TopicPartition(topic, number)
                limits[topic][number] = consumer.get_watermark_offsets(asked, timeout=_TIMEOUT_SECONDS)
    except KafkaException as problem:
        if problem.args[0].code() in _ABSENT:
            raise TopicError(
                f"Kafka at {bootstrap_servers} has no partition {number} of {topic}: `fraud-producer init` makes topics"
            ) from problem
        raise UnreachableError(
            f"Kafka at {bootstrap_servers} does not say where {topic} ends ({problem.args[0].str()}): see its log"
        ) from problem
    finally:
        consumer.close()
    return limits


def read_ranges(bootstrap_servers: str, topic: str, wanted: dict[int, Ranges]) -> Iterator[Message]:
    """The messages of ``wanted``: for each partition ranges ``[start, end)`` that the broker holds, ascending.

    Raises:
        UnreachableError: they do not come in time.
    """
    consumer = _reader(bootstrap_servers)
    try:
        for partition, ranges in wanted.items():
            for start, end in ranges:
                consumer.assign([TopicPartition(topic, partition, start)])
                yield from _until(consumer, topic, end)
    finally:
        consumer.close()


class TopicReader:
    """Reads the end of a topic: every message that is there now."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._servers = bootstrap_servers
        self._topic = topic
        self._limits = offset_limits(bootstrap_servers, {topic: range(partitions)})[topic]

    @property
    def messages(self) -> int:
        """Messages that the topic holds."""
        return sum(end - begin for begin, end in self._limits.values())

    @property
    def filled(self) -> int:
        """Partitions that hold messages."""
        return sum(end > begin for begin, end in self._limits.values())

    @property
    def longest(self) -> int:
        """Messages of the partition that holds most."""
        return max((end - begin for begin, end in self._limits.values()), default=0)

    def last(self, count: int) -> Iterator[Message]:
        """The newest ``count`` messages of every partition, one partition after another.

        Raises:
            UnreachableError: they do not come in time.
        """
        filled = {partition: held for partition, held in self._limits.items() if held[1] > held[0]}
        newest = {partition: [(max(begin, end - count), end)] for partition, (begin, end) in filled.items()}
        return read_ranges(self._servers, self._topic, newest)


def _until(consumer: Consumer, topic: str, end: int) -> Iterator[Message]:
    while True:
        # one after another: waiting for a whole batch at the end of a partition would take the timeout
        message = consumer.poll(_TIMEOUT_SECONDS)
        if message is None:
            raise UnreachableError(f"{topic} sent nothing for {_TIMEOUT_SECONDS:.0f} s: see Kafka's log")
        error = message.error()
        if error is not None:
            raise UnreachableError(f"{topic} cannot be read: {error.str()}")
        offset = message.offset() or 0
        if offset < end:
            yield message
        if offset + 1 >= end:
            return


def _reader(bootstrap_servers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            # the client insists on a name; nothing is ever committed under it
            "group.id": "fraud-producer-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            # a request that waits at the end of one range would hold up the next range
            "fetch.wait.max.ms": 10,
            "log_level": 2,
        }
    )
