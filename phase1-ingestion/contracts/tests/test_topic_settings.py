"""topics.yml says of every topic how it is to be on the broker, and nothing that nobody reads."""

import pytest

from fraud_contracts import RAW_TOPICS, topic_settings
from fraud_contracts.topic_settings import read_topics

DAY_MS = 24 * 3600 * 1000
SMALL = """
raw: {replication: 1, config: {retention.ms: 5, cleanup.policy: delete}}
dead_letters: {partitions: 1, replication: 1, config: {retention.ms: 9, preallocate: true}}
topics:
  a.raw: {partitions: 3}
  b.raw: {partitions: 2, config: {retention.ms: 7}, dead_letters: {partitions: 4}}
"""


def test_every_topic_and_every_dead_letter_twin_is_said_once() -> None:
    assert list(topic_settings()) == [name for topic in RAW_TOPICS for name in (topic.name, topic.dead_letter_topic)]


def test_event_time_never_ages_a_message_out() -> None:
    for name, settings in topic_settings().items():
        assert settings.config["message.timestamp.type"] == "LogAppendTime", name
        assert settings.config["cleanup.policy"] == "delete", name
        assert int(settings.config["retention.ms"]) >= (30 if name.endswith(".dlq") else 7) * DAY_MS, name


def test_every_topic_is_compressed_as_the_producer_sends() -> None:
    assert {settings.config["compression.type"] for settings in topic_settings().values()} == {"lz4"}


def test_partitions_are_those_of_the_contracts() -> None:
    assert [topic_settings()[topic.name].partitions for topic in RAW_TOPICS] == [10, 4, 4, 2, 2, 2]
    assert [topic.partitions for topic in RAW_TOPICS] == [10, 4, 4, 2, 2, 2]


def test_a_topic_takes_its_kinds_settings_unless_it_says_otherwise() -> None:
    found = read_topics(SMALL)
    assert {name: settings.partitions for name, settings in found.items()} == {
        "a.raw": 3,
        "a.dlq": 1,
        "b.raw": 2,
        "b.dlq": 4,
    }
    assert dict(found["a.raw"].config) == {"retention.ms": "5", "cleanup.policy": "delete"}
    assert dict(found["b.raw"].config) == {"retention.ms": "7", "cleanup.policy": "delete"}
    assert dict(found["b.dlq"].config) == {"retention.ms": "9", "preallocate": "true"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("partitions: 3", "partition: 3", r"nobody reads topics\.a\.raw\.partition; known there: config"),
        ("partitions: 3", "", r"topics\.a\.raw\.partitions is None, not a whole number from 1"),
        ("partitions: 3", "partitions: many", r"topics\.a\.raw\.partitions is 'many'"),
        ("partitions: 3", "partitions: 0", r"topics\.a\.raw\.partitions is 0"),
        ("partitions: 3", "partitions: true", r"topics\.a\.raw\.partitions is True"),
        ("{partitions: 4}", "{partitions: -1}", r"topics\.b\.raw\.dead_letters\.partitions is -1"),
        ("a.raw", "a", r"topics\.a does not end in \.raw"),
        ("topics:", "topic:", r"nobody reads topic; known there: dead_letters, raw, topics"),
        ("{retention.ms: 7}", "7", r"topics\.b\.raw\.config holds 7 where keys with values belong"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(ValueError, match=rf"topics\.yml: {message}"):
        read_topics(SMALL.replace(old, new))
