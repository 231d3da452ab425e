"""The producer with topics of another name, so that a test meets nobody else's messages on the same broker.

As a script, ``python namespaced.py <prefix> <arguments>``, it is the command ``fraud-producer`` with those topics.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from fraud_contracts import RAW_TOPICS, schema_text
from fraud_producer.avro import Decoder
from fraud_producer.continuation import Continuation
from fraud_producer.events import Event
from fraud_producer.message_ranges import offset_limits, read_ranges
from fraud_producer.pan import CardHasher
from fraud_producer.positions import Positions
from fraud_producer.registry import Registry
from fraud_producer.simulator import SimulationConfig, build_world
from fraud_producer.simulator.config import DAY_US

PARTITIONS = 3
END_US = 20_800 * DAY_US
Coordinates = dict[tuple[str, int, int], str]


@contextmanager
def renamed(prefix: str) -> Iterator[None]:
    """The contracts' topics under longer names; they are compared by identity everywhere, so their names may change."""
    before = [(topic, topic.name, topic.partitions) for topic in RAW_TOPICS]
    try:
        for topic in RAW_TOPICS:
            object.__setattr__(topic, "name", prefix + topic.name)
            object.__setattr__(topic, "partitions", PARTITIONS)
        yield
    finally:
        for topic, name, partitions in before:
            object.__setattr__(topic, "name", name)
            object.__setattr__(topic, "partitions", partitions)


@dataclass(frozen=True)
class History:
    """A simulated history: the command that sends it, and what it sends when nothing comes in between."""

    days: int
    payments: int
    customers: int = 300
    seed: int = 5
    fraud_rate: float = 0.02

    @property
    def command(self) -> tuple[str, ...]:
        return (
            *("simulate", "--days", str(self.days), "--end", "2026-12-13T00:00:00Z"),
            *("--transactions", str(self.payments), "--customers", str(self.customers)),
            *("--seed", str(self.seed), "--fraud-rate", str(self.fraud_rate)),
        )

    def events(self) -> Iterator[Event]:
        config = SimulationConfig(
            start_us=END_US - self.days * DAY_US,
            seed=self.seed,
            customers=self.customers,
            transactions_per_day=self.payments / self.days,
            fraud_rate=self.fraud_rate,
        )
        nothing = {topic.name: Positions(topic.name, topic.partitions, 0, {}) for topic in RAW_TOPICS}
        return Continuation(build_world(config, CardHasher(b"k" * 32)), nothing).events(END_US)


@dataclass(frozen=True)
class Kafka:
    """The broker and the registry of the test stack; its topics are the contracts' as they are named now."""

    bootstrap_servers: str
    registry_url: str

    def create(self) -> None:
        """Create the raw topics and their dead letter twins, and register the schemas."""
        config = {"message.timestamp.type": "LogAppendTime"}
        topics = [NewTopic(topic.name, PARTITIONS, 1, config=config) for topic in RAW_TOPICS]
        topics += [NewTopic(topic.dead_letter_topic, 1, 1, config=config) for topic in RAW_TOPICS]
        # kept: a client that is collected takes its answers along
        admin = self._admin()
        for done in admin.create_topics(topics).values():
            done.result(timeout=30)
        with Registry(self.registry_url) as registry:
            for topic in RAW_TOPICS:
                registry.register(topic.subject, schema_text(topic))

    def delete(self) -> None:
        names = [name for topic in RAW_TOPICS for name in (topic.name, topic.dead_letter_topic)]
        admin = self._admin()
        for done in admin.delete_topics(names).values():
            done.result(timeout=30)
        for topic in RAW_TOPICS:
            httpx.delete(f"{self.registry_url}/subjects/{topic.subject}")

    def empty(self) -> None:
        """Delete every message; offsets go on."""
        ends = [
            TopicPartition(topic, partition, end)
            for topic, partitions in self._limits().items()
            for partition, (begin, end) in partitions.items()
            if end > begin
        ]
        if ends:
            admin = self._admin()
            for done in admin.delete_records(ends).values():
                done.result(timeout=30)

    def messages(self) -> int:
        """How many messages the raw topics hold."""
        return sum(end - begin for partitions in self._limits().values() for begin, end in partitions.values())

    def ids(self) -> Coordinates:
        """The id of every message by topic, partition and offset."""
        fields = {topic.name: topic.id_field for topic in RAW_TOPICS}
        found: Coordinates = {}
        with Registry(self.registry_url) as registry:
            decoder = Decoder(registry.schema_text)
            for topic, partitions in self._limits().items():
                held = {partition: [limit] for partition, limit in partitions.items() if limit[1] > limit[0]}
                for message in read_ranges(self.bootstrap_servers, topic, held):
                    record = decoder.decode(message.value() or b"")
                    found[topic, message.partition() or 0, message.offset() or 0] = record[fields[topic]]
        return found

    def _limits(self) -> dict[str, dict[int, tuple[int, int]]]:
        return offset_limits(self.bootstrap_servers, {topic.name: range(PARTITIONS) for topic in RAW_TOPICS})

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})


if __name__ == "__main__":
    from fraud_producer.cli import main

    with renamed(sys.argv.pop(1)):
        main()
