"""What a topic holds is counted on the real broker: a run that lost or duplicated one message is found out."""

from typing import Any

import pytest
from confluent_kafka import Producer

from fraud_benchmarks.topics import fresh_topic, held
from fraud_contracts import TRANSACTIONS, topic_settings
from fraud_producer.topics import Topics

pytestmark = pytest.mark.integration


def test_every_message_is_counted_and_equal_values_are_duplicates(stack: Any) -> None:
    stack.need("kafka", "schema-registry")
    servers = stack.env["KAFKA_BOOTSTRAP_SERVERS"]
    with fresh_topic(stack) as topic:
        assert Topics(servers).drift({topic.name: topic_settings()[TRANSACTIONS.name]}) == []
        producer = Producer({"bootstrap.servers": servers})
        for number in (*range(500), 7, 7, 8):
            producer.produce(topic.name, f"value {number}", key=f"key {number % 50}")
        assert producer.flush(30) == 0
        found = held(servers, topic.name)
    assert (found.messages, found.distinct, found.duplicated) == (503, 500, 3)
    assert (found.lost(500), found.lost(502)) == (0, 2)
    assert topic.name not in {state.name for state in Topics(servers).describe()}
