"""What is sent arrives once, is in the ledger, and a broken-off run goes on without a gap or a repetition."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS, Topic
from fraud_producer.avro import Decoder
from fraud_producer.continuation import Continuation
from fraud_producer.errors import DeliveryError
from fraud_producer.events import Event
from fraud_producer.ledger import Ledger
from fraud_producer.message_ranges import TopicReader
from fraud_producer.pan import CardHasher
from fraud_producer.partitioning import partition_of
from fraud_producer.positions import Positions, read_positions
from fraud_producer.producer import EventProducer
from fraud_producer.registry import Registry
from fraud_producer.simulator import SimulationConfig, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.stopping import Stop

pytestmark = pytest.mark.integration

START = 20_700 * DAY_US
WORLD = build_world(
    SimulationConfig(
        start_us=START,
        customers=40,
        transactions_per_day=120,
        fraud_rate=0.1,
        # payments and labels only: they are what has topics of its own here
        login_rate=0,
        card_rate=0,
        kyc_rate=0,
        alert_rate=0,
    ),
    CardHasher(b"k" * 32),
)
UNTIL = START + 8 * DAY_US
Servers = tuple[str, str]
RawTopics = tuple[Topic, Topic]
Coordinates = dict[tuple[str, int, int], str]


def nothing_sent() -> dict[str, Positions]:
    return {topic.name: Positions(topic.name, topic.partitions, 0, {}) for topic in RAW_TOPICS}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(Continuation(WORLD, nothing_sent()).events(UNTIL))


def moved(event: Event, topics: RawTopics) -> Event:
    return event._replace(topic=topics[0] if event.topic is TRANSACTIONS else topics[1])


def send(servers: Servers, topics: RawTopics, folder: Path, events: list[Event], **overrides: Any) -> EventProducer:
    with Ledger(folder) as ledger, EventProducer(*servers, ledger, topics, overrides) as producer:
        for event in events:
            producer.send(moved(event, topics))
    return producer


def on_broker(servers: Servers, topics: RawTopics) -> Coordinates:
    found: Coordinates = {}
    with Registry(servers[1]) as registry:
        decoder = Decoder(registry.schema_text)
        for topic in topics:
            for message in TopicReader(servers[0], topic.name, topic.partitions).last(100_000):
                record = decoder.decode(message.value() or b"")
                found[topic.name, message.partition() or 0, message.offset() or 0] = record[topic.id_field]
    return found


def in_ledger(folder: Path) -> Coordinates:
    found: Coordinates = {}
    for path in folder.glob("producer-test-*/*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found[path.parent.name, int(row["partition"]), int(row["offset"])] = row["id"]
    return found


def test_ledger_and_broker_agree_on_every_coordinate(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    producer = send(servers, raw_topics, tmp_path, events)
    stored = on_broker(servers, raw_topics)
    assert producer.deliveries.complete
    assert in_ledger(tmp_path) == stored
    assert sorted(stored.values()) == sorted(event.event_id for event in events)
    payments = [event.event_us for event in events if event.topic is TRANSACTIONS]
    assert (producer.deliveries.first_event_us, producer.deliveries.last_event_us) == (payments[0], payments[-1])


def test_a_users_payments_stay_in_order_in_one_partition(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    send(servers, raw_topics, tmp_path, events)
    key = {event.event_id: event.key for event in events if event.topic is TRANSACTIONS}
    sent = {event.event_id: number for number, event in enumerate(events)}
    last: dict[int, int] = {}
    for (topic, partition, _), name in sorted(on_broker(servers, raw_topics).items()):
        if topic == raw_topics[0].name:
            assert partition == partition_of(key[name], raw_topics[0].partitions)
            assert sent[name] > last.get(partition, -1)
            last[partition] = sent[name]


def test_a_full_queue_slows_the_sender_down_and_loses_nothing(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    producer = send(servers, raw_topics, tmp_path, events, **{"queue.buffering.max.messages": 20, "linger.ms": 5})
    assert producer.deliveries.complete
    assert len(on_broker(servers, raw_topics)) == len(events)


def test_undelivered_messages_are_counted_and_named(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    # no broker listens there, so every message expires
    nowhere = {"bootstrap.servers": "127.0.0.1:1", "delivery.timeout.ms": 1000, "linger.ms": 0}
    producer = send(servers, raw_topics, tmp_path, events[:25], **nowhere)
    assert producer.deliveries.failed.total() + producer.deliveries.unknown == 25
    assert in_ledger(tmp_path) == {}
    with next((tmp_path / "undelivered").iterdir()).open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [event.event_id for event in events[:25]]
    with pytest.raises(DeliveryError, match="messages failed"):
        producer.require_complete()


def test_a_sender_that_waits_for_the_queue_gives_up_when_it_is_asked_to_end(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    nowhere = {"bootstrap.servers": "127.0.0.1:1", "delivery.timeout.ms": 1500, "queue.buffering.max.messages": 20}
    stop = Stop()
    stop.request()
    with Ledger(tmp_path) as ledger, EventProducer(*servers, ledger, raw_topics, nowhere) as producer:
        taken = [producer.send(moved(event, raw_topics), stop) for event in events[:25]]
    assert taken == [True] * 20 + [False] * 5
    assert producer.deliveries.unknown == 20


def test_a_run_that_broke_off_goes_on_without_gap_or_repetition(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path
) -> None:
    # what a kill leaves behind: each partition acknowledged another part of the stream
    share = {0: 0.5, 1: 0.8, 2: 0.65}
    kept = [
        event
        for number, event in enumerate(events)
        if number < len(events) * share[partition_of(event.key, moved(event, raw_topics).topic.partitions)]
    ]
    send(servers, raw_topics, tmp_path, kept)
    positions = nothing_sent() | {
        plain.name: read_positions(*servers, own.name)
        for plain, own in zip((TRANSACTIONS, LABELS), raw_topics, strict=True)
    }
    send(servers, raw_topics, tmp_path, list(Continuation(WORLD, positions).events(UNTIL)))
    stored = on_broker(servers, raw_topics)
    assert sorted(stored.values()) == sorted(event.event_id for event in events)


def test_positions_of_a_topic(
    servers: Servers, raw_topics: RawTopics, events: list[Event], tmp_path: Path, stack: Any
) -> None:
    name = raw_topics[0].name
    assert read_positions(*servers, name).newest is None
    send(servers, raw_topics, tmp_path, events)
    payments = [event for event in events if event.topic is TRANSACTIONS]
    said = json.loads(stack.run(["fraud-producer", "newest", "--topic", name]).stdout)
    assert said["event_time_us"] == payments[-1].event_us
    assert said["messages"] == len(payments)
    lines = stack.run(["fraud-producer", "tail", name, "--count", "3"]).stdout.splitlines()
    assert [json.loads(line)["value"]["user_id"][0] for line in lines] == ["U"] * 3
