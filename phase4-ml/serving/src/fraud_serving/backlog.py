"""How many payments feature_writer has not put into Redis yet."""

import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from fraud_serving.errors import SettingsError
from fraud_serving.settings import Settings

TIMEOUT_SECONDS = 10.0


def read_backlog(settings: Settings) -> dict[str, Any]:
    """Lag of the writer's group over every partition: ``{group, topic, lag, partitions: {number: lag}}``.

    A partition without a committed offset counts from its beginning: asking for the group's offsets alone would leave
    it out and report a lag that is too small.

    Raises:
        SettingsError: the broker does not answer, or the topic does not exist.
    """
    settings.require("kafka_bootstrap_servers")
    topic = settings.feature_writer_topic
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.feature_writer_group,
            "enable.auto.commit": False,
        }
    )
    try:
        metadata = consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
        if metadata.error is not None or not metadata.partitions:
            raise SettingsError(f"there is no topic {topic}: run `make phase1-up`")
        wanted = [TopicPartition(topic, partition) for partition in sorted(metadata.partitions)]
        lags: dict[int, int] = {}
        for committed in consumer.committed(wanted, timeout=TIMEOUT_SECONDS):
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic, committed.partition), timeout=TIMEOUT_SECONDS
            )
            # Below zero stands for "nothing committed"; below the low mark the broker has dropped what was there.
            lags[committed.partition] = high - max(committed.offset, low)
    except KafkaException as error:
        raise SettingsError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer ({error.args[0].str()}): "
            "run `make start SERVICE=kafka`"
        ) from error
    finally:
        consumer.close()
    return {
        "group": settings.feature_writer_group,
        "topic": topic,
        "lag": sum(lags.values()),
        "partitions": {str(partition): lag for partition, lag in lags.items()},
    }


def wait_for_backlog(settings: Settings, seconds: float) -> dict[str, Any]:
    """The backlog once it is 0, or as it is after ``seconds``.

    Raises:
        SettingsError: the broker does not answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        backlog = read_backlog(settings)
        if backlog["lag"] == 0 or time.monotonic() >= deadline:
            return backlog
        time.sleep(0.5)
