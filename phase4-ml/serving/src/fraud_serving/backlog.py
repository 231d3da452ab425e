"""How many payments and logins feature_writer has not put into Redis yet."""

import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from fraud_serving.errors import SettingsError
from fraud_serving.feature_writer import redis_client
from fraud_serving.recent_script import caught_up_key
from fraud_serving.settings import Settings

TIMEOUT_SECONDS = 10.0


def read_backlog(settings: Settings) -> dict[str, Any]:
    """Lag of the writer's group: ``{group, lag, caught_up, topics: {topic: {partition: lag}}}``.

    ``caught_up`` says whether Redis carries the writer's mark: a writer that fills a Redis which lost its memory reads
    from the beginning, behind the offsets it once committed.

    A partition without a committed offset counts from its beginning: asking for the group's offsets alone would leave
    it out and report a lag that is too small.

    Raises:
        SettingsError: the broker does not answer, or the topic does not exist.
        RedisError: Redis does not answer.
    """
    settings.require("kafka_bootstrap_servers")
    topics = settings.feature_writer_topic, settings.feature_writer_logins_topic
    # Before the offsets: the mark is set after the last commit, so what is read after it cannot be older.
    with redis_client(settings) as redis:
        caught_up = redis.get(caught_up_key(settings)) is not None
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.feature_writer_group,
            "enable.auto.commit": False,
        }
    )
    try:
        lags = {topic: _lags(consumer, topic) for topic in topics}
    except KafkaException as error:
        raise SettingsError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer ({error.args[0].str()}): "
            "run `make start SERVICE=kafka`"
        ) from error
    finally:
        consumer.close()
    return {
        "group": settings.feature_writer_group,
        "lag": sum(sum(partitions.values()) for partitions in lags.values()),
        "caught_up": caught_up,
        "topics": lags,
    }


def _lags(consumer: Consumer, topic: str) -> dict[str, int]:
    metadata = consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
    if metadata.error is not None or not metadata.partitions:
        raise SettingsError(f"there is no topic {topic}: run `make phase1-up`")
    wanted = [TopicPartition(topic, partition) for partition in sorted(metadata.partitions)]
    lags: dict[str, int] = {}
    for committed in consumer.committed(wanted, timeout=TIMEOUT_SECONDS):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, committed.partition), timeout=TIMEOUT_SECONDS)
        # Below zero stands for "nothing committed"; below the low mark the broker has dropped what was there.
        lags[str(committed.partition)] = high - max(committed.offset, low)
    return lags


def is_done(backlog: dict[str, Any]) -> bool:
    """Whether every payment and login is in Redis."""
    return backlog["lag"] == 0 and bool(backlog["caught_up"])


def wait_for_backlog(settings: Settings, seconds: float) -> dict[str, Any]:
    """The backlog once nothing is left of it, or as it is after ``seconds``.

    Raises:
        SettingsError: the broker does not answer.
        RedisError: Redis does not answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        backlog = read_backlog(settings)
        if is_done(backlog) or time.monotonic() >= deadline:
            return backlog
        time.sleep(0.5)
