"""The legs of B1: one process each, on one core, from the first event to the last acknowledgement.

Every leg sends the same payments of the same seed to a topic of its own with the client settings of our producer.
Connections are open, topics known and schema ids resolved before the clock starts; it stops when the client's queue is
empty and every message has its delivery report.

* :func:`ours` is the path of ``fraud-producer simulate``: it builds the world (an HMAC for each card), simulates the
  days, makes the records, encodes them, produces them with the header that names the run, and keeps ledger and metrics.
* :func:`stock` does all of this up to the record in the same way, and then what the client's documentation shows:
  ``AvroSerializer`` and ``produce()`` with a delivery report. It keeps no ledger and no metrics and sends no header.
* :func:`raw` simulates and encodes before the clock starts. Within it there is ``produce()`` of the same bytes with a
  delivery report that is counted, or, as the fastest that this client can be, without one.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from fraud_benchmarks.errors import BenchmarkError
from fraud_contracts import Topic, schema_text
from fraud_producer.avro import Encoder
from fraud_producer.client_config import client_config
from fraud_producer.events import Event
from fraud_producer.feeding import feed
from fraud_producer.ledger import Ledger
from fraud_producer.pan import CardHasher
from fraud_producer.producer import EventProducer
from fraud_producer.registry import Registry
from fraud_producer.simulator import SimulationConfig, build_world, simulate
from fraud_producer.simulator.payments import records
from fraud_producer.stopping import Stop

# a Monday in summer; any day would do, but it must be the same in every run
START_US: Final = 1_782_691_200_000_000
SEED: Final = 7
_PAN_KEY: Final = b"a key that hashes nobody's card"
# as our producer does
_POLL_EVERY: Final = 64
_FULL_QUEUE_WAIT_SECONDS: Final = 0.2
_FLUSH_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a leg is asked to send, where to, and on which core (None: on any)."""

    servers: str
    registry_url: str
    topic: Topic
    events: int
    folder: Path
    core: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages that the broker acknowledged, and how long that took from the first event on."""

    acknowledged: int
    seconds: float


def payments(topic: Topic, count: int) -> Iterator[Event]:
    """The first payments of the world, as our simulator makes them when only they are asked for."""
    config = SimulationConfig(START_US, SEED, login_rate=0, card_rate=0, kyc_rate=0, alert_rate=0)
    world = build_world(config, CardHasher(_PAN_KEY))

    def events() -> Iterator[Event]:
        for block in simulate(world, START_US):
            for record in records(block.payments, block.ids, world.users, world.merchants):
                yield Event(topic, record["event_time"], record["transaction_id"], record["user_id"], record)

    return islice(events(), count)


def ours(order: Order) -> Sent:
    """Our producer."""
    _stay_on(order.core)
    with (
        Ledger(order.folder / "ledger") as ledger,
        EventProducer(order.servers, order.registry_url, ledger, topics=[order.topic]) as producer,
    ):
        begun = time.perf_counter()
        feed(producer, payments(order.topic, order.events), Stop())
        producer.flush(_FLUSH_SECONDS)
        seconds = time.perf_counter() - begun
    producer.require_complete()
    shutil.rmtree(order.folder)
    return Sent(producer.deliveries.acknowledged[order.topic.name], seconds)


def stock(order: Order, *, use_latest_version: bool) -> Sent:
    """The stock serializer, in its default mode (the schema is given) or with ``use.latest.version``."""
    _stay_on(order.core)
    config = {"auto.register.schemas": False, "use.latest.version": use_latest_version}
    serialize = AvroSerializer(SchemaRegistryClient({"url": order.registry_url}), schema_text(order.topic), conf=config)
    context = SerializationContext(order.topic.name, MessageField.VALUE)
    # the first message asks the registry
    serialize(next(payments(order.topic, 1)).record, context)
    producer, counter = _client(order)
    begun = time.perf_counter()
    messages = ((serialize(event.record, context), event.key) for event in payments(order.topic, order.events))
    _send(producer, order.topic.name, messages, counter)
    return Sent(counter.acknowledged, time.perf_counter() - begun)


def raw(order: Order, *, reports: bool) -> Sent:
    """The client alone, with bytes and keys that were made before."""
    _stay_on(order.core)
    with Registry(order.registry_url) as registry:
        encoder = Encoder(order.topic, registry.lookup(order.topic))
    made = [(encoder.encode(event.record), event.key) for event in payments(order.topic, order.events)]
    producer, counter = _client(order)
    begun = time.perf_counter()
    _send(producer, order.topic.name, made, counter if reports else None)
    seconds = time.perf_counter() - begun
    # without reports nothing says what was acknowledged, but the queue is empty; what arrived is counted afterwards
    return Sent(counter.acknowledged if reports else order.events, seconds)


class _Counter:
    """A delivery report that counts."""

    def __init__(self) -> None:
        self.acknowledged = 0

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            raise BenchmarkError(f"a message was not acknowledged: {error.str()}")
        self.acknowledged += 1


def _client(order: Order) -> tuple[Producer, _Counter]:
    producer = Producer(client_config(order.servers))
    # connects, and learns the partitions
    producer.list_topics(order.topic.name, timeout=30)
    return producer, _Counter()


def _send(
    producer: Producer, topic: str, messages: Iterable[tuple[bytes | None, str]], report: _Counter | None
) -> None:
    """Produce all of them and wait until the queue is empty."""
    for number, (value, key) in enumerate(messages):
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=report)
                break
            except BufferError:
                producer.poll(_FULL_QUEUE_WAIT_SECONDS)
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    if left := producer.flush(_FLUSH_SECONDS):
        raise BenchmarkError(f"{left} messages were not acknowledged within {_FLUSH_SECONDS:g} s")


def _stay_on(core: int | None) -> None:
    """Keep this process, and all threads that it will start, on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
