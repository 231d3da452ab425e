"""A topic that holds a backlog: simulated payments, some of them with an amount that no check lets pass."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.topics import fresh_topic
from fraud_contracts import TRANSACTIONS, Topic, topic_settings
from fraud_producer.avro import Encoder
from fraud_producer.client_config import client_config
from fraud_producer.events import cents_of, decimal_bytes
from fraud_producer.pan import CardHasher
from fraud_producer.registry import Registry
from fraud_producer.simulator.config import DAY_US, SimulationConfig
from fraud_producer.simulator.payments import records
from fraud_producer.simulator.simulation import build_world
from fraud_producer.topics import Topics
from fraud_stream.broker import Broker

SEED: Final = 7
# 1 March 2026: inside the times that the contracts allow
FIRST_DAY: Final = 20_513
# the simulator's limit is not far; and what waits behind an outage is of a day or two
PER_DAY: Final = 700_000
CUSTOMERS: Final = 5_000
_PAN_KEY: Final = b"a key that hashes nobody's card"
_SECONDS: Final = 120.0
_BLOCK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """A topic with ``rows`` messages, of which ``bad`` have a negative amount: they decode, but belong in quarantine.

    ``spans`` are the half-open ranges of offsets by partition.
    """

    servers: str
    registry_url: str
    topic: Topic
    rows: int
    bad: int
    spans: dict[int, tuple[int, int]]

    def drain(self) -> float:
        """Seconds until a plain consumer has every message, decoding nothing.

        Raises:
            BenchmarkError: messages are missing.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": f"{self.topic.name}-drain",
                "enable.auto.commit": False,
                "log_level": 2,
            }
        )
        try:
            begun = time.perf_counter()
            consumer.assign([TopicPartition(self.topic.name, each, begin) for each, (begin, _) in self.spans.items()])
            seen = 0
            while seen < self.rows:
                block = consumer.consume(min(_BLOCK, self.rows - seen), _SECONDS)
                if not block or any(message.error() for message in block):
                    raise BenchmarkError(f"{self.topic.name} holds {self.rows} messages and handed over {seen}")
                seen += len(block)
            return time.perf_counter() - begun
        finally:
            consumer.close()


@contextmanager
def backlog(stack: PlatformStack, rows: int, bad: int) -> Iterator[Backlog]:
    """A topic and its dead letter twin, made as ``topics.yml`` says and filled; both are deleted in the end.

    Raises:
        BenchmarkError: the broker does not hold every message.
    """
    servers, registry_url = stack.env["KAFKA_BOOTSTRAP_SERVERS"], stack.env["SCHEMA_REGISTRY_URL"]
    with fresh_topic(stack) as topic:
        twin = topic_settings()[TRANSACTIONS.dead_letter_topic]
        Topics(servers).ensure({topic.dead_letter_topic: twin})
        try:
            with Registry(registry_url) as registry:
                _fill(servers, topic.name, Encoder(topic, registry.lookup(topic)), rows, bad)
            spans = Broker(servers).offsets(topic.name)
            if (held := sum(end - begin for begin, end in spans.values())) != rows:
                raise BenchmarkError(f"{topic.name} holds {held} messages, not {rows}: see Kafka's log")
            yield Backlog(servers, registry_url, topic, rows, bad, spans)
        finally:
            admin = AdminClient({"bootstrap.servers": servers, "log_level": 2})
            for removed in admin.delete_topics([topic.dead_letter_topic]).values():
                removed.result(_SECONDS)


def payments(rows: int, bad: int) -> Iterator[dict[str, Any]]:
    """So many records in the order of their event times; ``bad`` of them, evenly spread, have a negative amount."""
    for number, record in enumerate(islice(_simulated(rows), rows)):
        # as often as this quotient steps: bad times in all
        if number * bad // rows != (number + 1) * bad // rows:
            record["amount"] = decimal_bytes(-cents_of(record["amount"]))
        yield record


def _simulated(rows: int) -> Iterator[dict[str, Any]]:
    config = SimulationConfig(
        start_us=FIRST_DAY * DAY_US, seed=SEED, customers=CUSTOMERS, transactions_per_day=min(rows * 1.5, PER_DAY)
    )
    world = build_world(config, CardHasher(_PAN_KEY))
    day = FIRST_DAY
    while True:
        of_day, ids = world.payments_of_day(day)
        yield from records(of_day, ids, world.users, world.merchants)
        day += 1


def _fill(servers: str, topic: str, encoder: Encoder, rows: int, bad: int) -> None:
    producer = Producer(client_config(servers))
    for record in payments(rows, bad):
        value, key = encoder.encode(record), record["user_id"]
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(_SECONDS)
