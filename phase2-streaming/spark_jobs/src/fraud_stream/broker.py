"""What the broker knows: partitions, the offsets it holds, what groups committed, and when it received a message."""

import time
from collections.abc import Collection, Iterable, Mapping

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from fraud_stream.errors import BrokerError

TIMEOUT_SECONDS = 10.0

# topic, partition, offset
Place = tuple[str, int, int]


class Broker:
    """A read-only view of one Kafka cluster.

    It always enumerates all partitions of a topic: asking only for those with a commit or a message under-reports lag.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin = self._client()

    def partitions(self, topic: str) -> tuple[int, ...]:
        """All partitions of a topic, ascending.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        try:
            metadata = self._admin.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
        except KafkaException as error:
            raise self._silent(error) from error
        if metadata.error is not None or not metadata.partitions:
            raise BrokerError(f"there is no topic {topic} on {self._bootstrap_servers}; `fraud-producer init` makes it")
        return tuple(sorted(metadata.partitions))

    def offsets(self, topic: str) -> dict[int, tuple[int, int]]:
        """Half-open range ``(begin, end)`` of the offsets that each partition holds now.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        return self._spans({topic: self.partitions(topic)})[topic]

    def existing_offsets(self, topics: Collection[str]) -> dict[str, dict[int, tuple[int, int]]]:
        """Like :meth:`offsets` for many topics, in three requests whatever their number; absent topics are left out.

        Raises:
            BrokerError: the broker does not answer.
        """
        try:
            known = self._admin.list_topics(timeout=TIMEOUT_SECONDS).topics
        except KafkaException as error:
            raise self._silent(error) from error
        return self._spans({topic: tuple(sorted(known[topic].partitions)) for topic in topics if topic in known})

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that each partition's next message will get.

        Raises:
            BrokerError: the broker does not answer, or has no such topic.
        """
        partitions = self.partitions(topic)
        ends = self._list_offsets([(topic, partition) for partition in partitions], OffsetSpec.latest())
        return {partition: ends[topic, partition] for partition in partitions}

    def committed_offsets(self, group: str) -> dict[str, dict[int, int]]:
        """Next offset by partition, for every topic that a consumer group reads.

        A topic is one that the group reads when it has committed to it, or has a member that holds part of it.
        Partitions without a commit are absent; a group that nobody has heard of reads nothing.

        Raises:
            BrokerError: the broker does not answer.
        """
        read: dict[str, dict[int, int]] = {}
        for place in self._assigned(group):
            read.setdefault(place.topic, {})
        for place in self._committed(group):
            if place.offset >= 0:
                read.setdefault(place.topic, {})[place.partition] = place.offset
        return read

    def timestamp_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """When the broker received the first message at or after ``offset``; None when there is none (yet)."""
        return self.timestamps_ms([(topic, partition, offset)]).get((topic, partition, offset))

    def timestamps_ms(self, places: Iterable[Place]) -> dict[Place, int]:
        """When the broker received the first message at or after each place, one per partition.

        A place without a message (yet) is absent.
        """
        wanted = {(topic, partition): offset for topic, partition, offset in places}
        found: dict[Place, int] = {}
        if not wanted:
            return found
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "fraud-stream-look",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # one message of each partition is all that is looked at
                "max.partition.fetch.bytes": 16_384,
                "log_level": 2,
            }
        )
        try:
            consumer.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in wanted.items()])
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while wanted and (left := deadline - time.monotonic()) > 0:
                message = consumer.poll(left)
                if message is None or message.error() is not None:
                    break
                place = (str(message.topic()), int(message.partition() or 0))
                if place in wanted:
                    found[(*place, wanted.pop(place))] = int(message.timestamp()[1])
                    # the others' first messages would wait behind the rest of this one
                    consumer.pause([TopicPartition(*place)])
        finally:
            consumer.close()
        return found

    def _spans(self, topics: Mapping[str, Collection[int]]) -> dict[str, dict[int, tuple[int, int]]]:
        places = [(topic, partition) for topic, partitions in topics.items() for partition in partitions]
        begin = self._list_offsets(places, OffsetSpec.earliest())
        end = self._list_offsets(places, OffsetSpec.latest())
        return {
            topic: {partition: (begin[topic, partition], end[topic, partition]) for partition in partitions}
            for topic, partitions in topics.items()
        }

    def _list_offsets(self, places: Collection[tuple[str, int]], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        if not places:
            return {}
        wanted = {TopicPartition(topic, partition): spec for topic, partition in places}
        try:
            futures = self._admin.list_offsets(wanted, request_timeout=TIMEOUT_SECONDS)
            return {(place.topic, place.partition): int(future.result().offset) for place, future in futures.items()}
        except KafkaException as error:
            raise self._silent(error) from error

    def _committed(self, group: str) -> list[TopicPartition]:
        request = [ConsumerGroupTopicPartitions(group)]
        try:
            futures = self._admin.list_consumer_group_offsets(request, request_timeout=TIMEOUT_SECONDS)
            return list(futures[group].result().topic_partitions)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise self._silent(error) from error

    def _assigned(self, group: str) -> list[TopicPartition]:
        try:
            description = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)[group].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise self._silent(error) from error
        return [place for member in description.members for place in member.assignment.topic_partitions]

    def _client(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self._bootstrap_servers, "log_level": 2})

    def _silent(self, error: KafkaException) -> BrokerError:
        # A client that was there when the broker restarted may ask for the coordinator of a group in vain for ever
        # (librdkafka, pull request 3847): the next question is a new one's.
        self._admin = self._client()
        return BrokerError(f"Kafka at {self._bootstrap_servers} does not answer: {error.args[0].str()}")
