"""Topics of their own for tests against the real broker and registry."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from fraud_contracts import LABELS, TRANSACTIONS, Topic, schema_text
from fraud_producer.registry import Registry
from fraud_producer.topics import Topics


@pytest.fixture(scope="session")
def servers(stack: Any) -> tuple[str, str]:
    """Addresses of the broker and the registry."""
    stack.need("ingestion-init")
    return stack.env["KAFKA_BOOTSTRAP_SERVERS"], stack.env["SCHEMA_REGISTRY_URL"]


@pytest.fixture
def raw_topics(servers: tuple[str, str]) -> Iterator[tuple[Topic, Topic]]:
    """Transactions and labels under names of their own, with their schemas; deleted at the end."""
    prefix = f"producer-test-{secrets.token_hex(3)}"
    transactions = replace(TRANSACTIONS, name=f"{prefix}.transactions.raw", partitions=3)
    labels = replace(LABELS, name=f"{prefix}.labels.raw", partitions=2)
    Topics(servers[0]).ensure({topic.name: topic.partitions for topic in (transactions, labels)})
    with Registry(servers[1]) as registry:
        for topic in (transactions, labels):
            registry.register(topic.subject, schema_text(topic))
    yield transactions, labels
    admin = AdminClient({"bootstrap.servers": servers[0]})
    for done in admin.delete_topics([transactions.name, labels.name]).values():
        done.result(timeout=30)
    for topic in (transactions, labels):
        httpx.delete(f"{servers[1]}/subjects/{topic.subject}")
