"""Who watches the broker for days sees it restart, and must see it again afterwards."""

import time
from typing import Any

import pytest

from fraud_contracts import TRANSACTIONS
from fraud_stream.broker import Broker
from fraud_stream.errors import BrokerError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# a client of Kafka that is stuck stays so for good: there is no need to be quick
RECOVERY_SECONDS = 90


def test_offsets_and_groups_are_read_again_after_the_broker_has_restarted(stack: Any) -> None:
    stack.need("ingestion-init")
    broker = Broker(stack.env["KAFKA_BOOTSTRAP_SERVERS"])
    before = broker.offsets(TRANSACTIONS.name)
    broker.committed_offsets("feature-writer")

    stack.stop("kafka")
    with pytest.raises(BrokerError):
        broker.offsets(TRANSACTIONS.name)
    stack.start("kafka")

    deadline = time.monotonic() + RECOVERY_SECONDS
    while not answers(broker) and time.monotonic() < deadline:
        time.sleep(1)
    broker.committed_offsets("feature-writer")
    after = broker.offsets(TRANSACTIONS.name)
    assert all(after[partition] >= span for partition, span in before.items())


def answers(broker: Broker) -> bool:
    # in the order in which the lag exporter asks
    try:
        broker.offsets(TRANSACTIONS.name)
        broker.committed_offsets("feature-writer")
    except BrokerError:
        return False
    return True
