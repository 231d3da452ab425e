"""A topic for one run: made like the contract's, looked into afterwards, and removed."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import httpx
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_contracts import TRANSACTIONS, Topic, schema_text, topic_settings
from fraud_producer.registry import Registry
from fraud_producer.topics import Topics

_SECONDS: Final = 60.0
_BLOCK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Held:
    """What a topic holds: all messages, and how many different values they have."""

    messages: int
    distinct: int

    def lost(self, sent: int) -> int:
        """Of so many messages with different values, those that are not there."""
        return sent - self.distinct

    @property
    def duplicated(self) -> int:
        return self.messages - self.distinct


@contextmanager
def fresh_topic(stack: PlatformStack, contract: Topic = TRANSACTIONS) -> Iterator[Topic]:
    """A topic of its own with the contract's partitions, settings and registered schema."""
    topic = replace(contract, name=f"bench_{secrets.token_hex(4)}.raw")
    servers, registry_url = stack.env["KAFKA_BOOTSTRAP_SERVERS"], stack.env["SCHEMA_REGISTRY_URL"]
    settings = topic_settings()
    Topics(servers).ensure({topic.name: settings[contract.name]})
    try:
        with Registry(registry_url) as registry:
            registry.register(topic.subject, schema_text(contract))
        yield topic
    finally:
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 2})
        for removed in admin.delete_topics([topic.name]).values():
            removed.result(_SECONDS)
        httpx.delete(f"{registry_url}/subjects/{topic.subject}", timeout=_SECONDS)


def held(servers: str, topic: str) -> Held:
    """Read a topic from its first to its last message.

    Raises:
        BenchmarkError: the broker does not hand over what it says it holds.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"{topic}-check",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "log_level": 2,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=_SECONDS).topics[topic].partitions
        spans = {each: consumer.get_watermark_offsets(TopicPartition(topic, each), _SECONDS) for each in partitions}
        expected = sum(high - low for low, high in spans.values())
        consumer.assign([TopicPartition(topic, each, low) for each, (low, _) in spans.items()])
        values: set[bytes] = set()
        messages = 0
        while messages < expected:
            block = consumer.consume(min(_BLOCK, expected - messages), _SECONDS)
            if not block:
                raise BenchmarkError(f"{topic} holds {expected} messages and handed over {messages}")
            for message in block:
                if error := message.error():
                    raise BenchmarkError(f"{topic} cannot be read: {error.str()}")
                values.add(message.value() or b"")
            messages += len(block)
        return Held(messages, len(values))
    finally:
        consumer.close()
