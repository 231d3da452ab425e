"""Topics are made as the contracts say, again and again without change, and drift is corrected or reported."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from fraud_contracts import CARD_EVENTS, KYC_PROFILES, LOGINS, TRANSACTIONS, Topic, TopicSettings, topic_settings
from fraud_producer.drift import Drift
from fraud_producer.errors import TopicError, UnreachableError
from fraud_producer.topics import Topics

pytestmark = pytest.mark.integration


def alter(servers: tuple[str, str], name: str, setting: str, value: str) -> None:
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": servers[0]})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(timeout=15)


def wanted(topic: Topic) -> TopicSettings:
    return replace(topic_settings()[TRANSACTIONS.name], partitions=topic.partitions)


@pytest.fixture
def put_right(stack: Any, servers: tuple[str, str]) -> Iterator[None]:
    """Whatever a test bends on the stack's own topics and subjects, init straightens."""
    yield
    stack.run(["fraud-producer", "init"])


def test_every_topic_of_the_contracts_exists_with_its_twin(servers: tuple[str, str]) -> None:
    found = {state.name: state for state in Topics(servers[0]).describe()}
    assert len(topic_settings()) == 12
    for name, settings in topic_settings().items():
        assert found[name].partitions == settings.partitions
        assert found[name].config == settings.config
    assert Topics(servers[0]).drift() == []


def test_init_changes_nothing_the_second_time(stack: Any, servers: tuple[str, str]) -> None:
    assert servers
    said = stack.run(["fraud-producer", "init"]).stdout
    assert "created" not in said
    assert "->" not in said
    assert said.count("as it should be") == 12


@pytest.mark.usefixtures("put_right")
def test_drift_is_reported_by_topics_and_corrected_by_init(stack: Any, servers: tuple[str, str]) -> None:
    assert stack.run(["fraud-producer", "topics"]).stderr == ""
    alter(servers, LOGINS.name, "message.timestamp.type", "CreateTime")
    alter(servers, CARD_EVENTS.dead_letter_topic, "compression.type", "gzip")
    url = f"{servers[1]}/config/{KYC_PROFILES.subject}"
    httpx.put(url, json={"compatibility": "BACKWARD"}).raise_for_status()
    reported = stack.run(["fraud-producer", "topics"], check=False)
    assert reported.returncode == 1
    assert reported.stderr.splitlines() == [
        "drift: logins.raw: message.timestamp.type is CreateTime, the contracts say LogAppendTime: "
        "`fraud-producer init` corrects it",
        "drift: card_events.dlq: compression.type is gzip, the contracts say lz4: `fraud-producer init` corrects it",
        "drift: kyc_profiles.raw-value: compatibility is BACKWARD, the contracts say FULL_TRANSITIVE: "
        "`fraud-producer init` corrects it",
    ]
    as_json = json.loads(stack.run(["fraud-producer", "topics", "--json"], check=False).stdout)
    assert [drift["name"] for drift in as_json["drift"]] == ["logins.raw", "card_events.dlq", "kyc_profiles.raw-value"]
    said = stack.run(["fraud-producer", "init"]).stdout
    assert "topic logins.raw: 4 partitions, message.timestamp.type: CreateTime -> LogAppendTime\n" in said
    assert "topic card_events.dlq: 1 partitions, compression.type: gzip -> lz4\n" in said
    assert "subject kyc_profiles.raw-value: compatibility: BACKWARD -> FULL_TRANSITIVE\n" in said
    assert stack.run(["fraud-producer", "topics"]).stderr == ""


def test_another_number_of_partitions_or_replicas_is_reported(
    servers: tuple[str, str], raw_topics: tuple[Topic, Topic]
) -> None:
    name = raw_topics[0].name
    other = replace(wanted(raw_topics[0]), partitions=4, replication=2)
    drift = Topics(servers[0]).drift({name: other})
    assert [(each.setting, each.wanted, each.found) for each in drift] == [
        ("partitions", "4", "3"),
        ("replication", "2", "1"),
    ]
    with pytest.raises(TopicError, match=f"{name}: partitions is 3, the contracts say 4: keys would move"):
        Topics(servers[0]).ensure({name: other})
    (done,) = Topics(servers[0]).ensure({name: replace(other, partitions=3)})
    assert [each.setting for each in done.left] == ["replication"]
    assert "kafka-reassign-partitions.sh" in str(done.left[0])


def test_a_missing_topic_is_drift_and_names_the_remedy(servers: tuple[str, str]) -> None:
    with pytest.raises(TopicError, match="run `fraud-producer init` first"):
        Topics(servers[0]).partitions("no-such-topic")
    assert Topics(servers[0]).drift({"no-such-topic": topic_settings()[TRANSACTIONS.name]}) == [
        Drift("no-such-topic", "topic", "there", "missing", "`fraud-producer init` creates it")
    ]


@pytest.mark.timeout(60)
def test_a_broker_that_is_down_is_named() -> None:
    with pytest.raises(UnreachableError, match=r"Kafka does not answer at 127\.0\.0\.1:1.*KAFKA_BOOTSTRAP_SERVERS"):
        Topics("127.0.0.1:1", timeout_seconds=2).describe()
