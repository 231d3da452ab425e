"""Topics are made as the contracts say, again and again without change, and drift is corrected or reported."""

from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from fraud_contracts import RAW_TOPICS, TOPIC_CONFIG, Topic
from fraud_producer.errors import TopicError, UnreachableError
from fraud_producer.topics import Topics, wanted_topics

pytestmark = pytest.mark.integration


def test_every_topic_of_the_contracts_exists_with_its_twin(servers: tuple[str, str]) -> None:
    found = {state.name: state for state in Topics(servers[0]).describe()}
    for topic in RAW_TOPICS:
        assert found[topic.name].partitions == topic.partitions
        assert found[topic.name].config == TOPIC_CONFIG
        assert topic.dead_letter_topic in found
    assert set(wanted_topics()) <= set(found)


def test_init_changes_nothing_the_second_time(stack: Any, servers: tuple[str, str]) -> None:
    assert servers
    said = stack.run(["fraud-producer", "init"]).stdout
    assert "created" not in said
    assert said.count("as it should be") == 4


def test_drifted_settings_are_corrected(servers: tuple[str, str], raw_topics: tuple[Topic, Topic]) -> None:
    name, partitions = raw_topics[0].name, raw_topics[0].partitions
    drift = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[drift])
    admin = AdminClient({"bootstrap.servers": servers[0]})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(timeout=15)
    (state,) = Topics(servers[0]).ensure({name: partitions})
    assert state.corrected == ("message.timestamp.type: CreateTime -> LogAppendTime",)
    (state,) = Topics(servers[0]).ensure({name: partitions})
    assert state.corrected == ()


def test_another_number_of_partitions_is_reported(servers: tuple[str, str], raw_topics: tuple[Topic, Topic]) -> None:
    with pytest.raises(TopicError, match="has 3 partitions, the contracts say 4: keys would move"):
        Topics(servers[0]).ensure({raw_topics[0].name: 4})


def test_a_missing_topic_names_the_remedy(servers: tuple[str, str]) -> None:
    with pytest.raises(TopicError, match="run `fraud-producer init` first"):
        Topics(servers[0]).partitions("no-such-topic")


@pytest.mark.timeout(60)
def test_a_broker_that_is_down_is_named() -> None:
    with pytest.raises(UnreachableError, match=r"Kafka does not answer at 127\.0\.0\.1:1.*KAFKA_BOOTSTRAP_SERVERS"):
        Topics("127.0.0.1:1", timeout_seconds=2).describe()
