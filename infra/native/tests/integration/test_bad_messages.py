"""What make alert-demo writes is in a ledger: conservation explains it like everything else."""

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from fraud_contracts import TRANSACTIONS, read_ledger_file
from fraud_native.alert_demo import MESSAGES, send_bad_messages

pytestmark = pytest.mark.integration


def text_at(consumer: Consumer, partition: int, offset: int) -> str:
    consumer.assign([TopicPartition(TRANSACTIONS.name, partition, offset)])
    message = consumer.poll(15)
    assert message is not None
    assert message.error() is None
    return (message.value() or b"").decode()


def test_the_ledger_names_each_bad_message_where_the_broker_has_it(stack: Any) -> None:
    stack.need("ingestion-init")
    servers, folder = stack.env["KAFKA_BOOTSTRAP_SERVERS"], Path(stack.env["FRAUD_PRODUCER_LEDGER_DIR"])
    before = set((folder / TRANSACTIONS.name).glob("*.csv"))
    send_bad_messages(servers, folder)
    (written,) = set((folder / TRANSACTIONS.name).glob("*.csv")) - before
    lines = list(read_ledger_file(written))
    assert len({(partition, offset) for partition, offset, _ in lines}) == MESSAGES
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "it-bad-messages",
            "auto.offset.reset": "error",
            # a request that waits at the end of a partition would hold up the next message
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        for partition, offset, name in lines:
            run, _, number = name.rpartition("-")
            assert text_at(consumer, partition, offset) == f"{run}: message {number} is no payment"
    finally:
        consumer.close()
