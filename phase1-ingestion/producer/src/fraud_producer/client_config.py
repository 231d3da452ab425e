"""How librdkafka is set up for our producers: idempotent, acknowledged by all replicas, in bounded memory."""

from typing import Any, Final

from fraud_producer.partitioning import PARTITIONER

# The queue is the producer's memory: beyond it send() waits for the broker.
QUEUE_MESSAGES: Final = 50_000
QUEUE_KILOBYTES: Final = 64 * 1024
# Never: however long the broker is away, messages wait in the queue and the sender waits for the queue.
DELIVERY_TIMEOUT_MS: Final = 0


def client_config(bootstrap_servers: str) -> dict[str, Any]:
    """The client's settings under librdkafka's names, without callbacks."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "client.id": "fraud-producer",
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": PARTITIONER,
        "compression.type": "lz4",
        "linger.ms": 20,
        "queue.buffering.max.messages": QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        "log_level": 3,
    }
