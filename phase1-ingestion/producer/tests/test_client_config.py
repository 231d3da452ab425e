"""Delivery is idempotent, acknowledged by all replicas, waits for a broker that is away, and takes bounded memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from fraud_producer.client_config import client_config
from fraud_producer.partitioning import PARTITIONER

# nobody listens there, so whatever is produced stays in the queue
NOWHERE = "127.0.0.1:1"
# written out instead of taken from the module: a promise that is changed is changed here as well
PROMISES = {
    "enable.idempotence": True,
    "acks": "all",
    # never given up: with a time, payments would be lost while the broker is away for longer
    "delivery.timeout.ms": 0,
    "queue.buffering.max.messages": 50_000,
    "queue.buffering.max.kbytes": 65_536,
    # what the topics are set to, so that the broker keeps the batches as they came
    "compression.type": "lz4",
    "partitioner": PARTITIONER,
}
# Settings that would take a promise back, under whichever of their names.
TAKES_BACK = ("message.timeout.ms", "request.required.acks", "compression.codec", "retries", "message.send.max.retries")


@pytest.fixture
def client() -> Iterator[Producer]:
    # it would say several times a second that nobody is there
    made = Producer(client_config(NOWHERE) | {"log_level": 0})
    yield made
    made.purge()
    made.flush(1)


def taken(client: Producer, value: bytes, attempts: int) -> int:
    """How many of these messages the queue takes."""
    for number in range(attempts):
        try:
            client.produce("transactions.raw", value, "U0001")
        except BufferError:
            return number
    return attempts


@pytest.mark.parametrize("setting", PROMISES)
def test_a_promise_stands_in_the_configuration(setting: str) -> None:
    assert client_config(NOWHERE).get(setting) == PROMISES[setting]


def test_nothing_takes_a_promise_back() -> None:
    assert not set(TAKES_BACK) & set(client_config(NOWHERE))


@pytest.mark.parametrize("weaker", [{"acks": "1"}, {"max.in.flight": 6}, {"retries": 0}])
def test_the_client_itself_refuses_what_idempotence_forbids(weaker: dict[str, Any]) -> None:
    with pytest.raises(KafkaException, match=r"enable\.idempotence"):
        Producer(client_config(NOWHERE) | weaker)


@pytest.mark.parametrize(("size", "most"), [(1, 50_000), (900_000, 65_536 * 1024 // 900_000)])
def test_the_queue_takes_so_much_and_no_more(client: Producer, size: int, most: int) -> None:
    assert taken(client, b"v" * size, attempts=most + 1) == most
