"""What the broker knows: partitions, the offsets it holds, and when it received a message."""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from fraud_stream.errors import BrokerError

TIMEOUT_SECONDS = 10.0


class Broker:
    """A read-only view of one Kafka cluster.

    It always enumerates all partitions of a topic: asking only for those with a commit or a message under-reports lag.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2})

    def partitions(self, topic: str) -> tuple[int, ...]:
        """All partitions of a topic, ascending.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        try:
            metadata = self._admin.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
        except KafkaException as error:
            raise BrokerError(f"Kafka at {self._bootstrap_servers} does not answer: {error.args[0].str()}") from error
        if metadata.error is not None or not metadata.partitions:
            raise BrokerError(f"there is no topic {topic} on {self._bootstrap_servers}; `fraud-producer init` makes it")
        return tuple(sorted(metadata.partitions))

    def offsets(self, topic: str) -> dict[int, tuple[int, int]]:
        """Half-open range ``(begin, end)`` of the offsets that each partition holds now.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        partitions = self.partitions(topic)
        begin = self._list_offsets(topic, partitions, OffsetSpec.earliest())
        end = self._list_offsets(topic, partitions, OffsetSpec.latest())
        return {partition: (begin[partition], end[partition]) for partition in partitions}

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that each partition's next message will get.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        return self._list_offsets(topic, self.partitions(topic), OffsetSpec.latest())

    def timestamp_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """When the broker received the first message at or after ``offset``; None when there is none (yet)."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "fraud-stream-look",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 2,
            }
        )
        try:
            consumer.assign([TopicPartition(topic, partition, offset)])
            message = consumer.poll(TIMEOUT_SECONDS)
            if message is None or message.error() is not None:
                return None
            return int(message.timestamp()[1])
        finally:
            consumer.close()

    def _list_offsets(self, topic: str, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): spec for partition in partitions}
        try:
            futures = self._admin.list_offsets(wanted, request_timeout=TIMEOUT_SECONDS)
            return {place.partition: int(future.result().offset) for place, future in futures.items()}
        except KafkaException as error:
            raise BrokerError(f"Kafka at {self._bootstrap_servers} does not answer: {error.args[0].str()}") from error
