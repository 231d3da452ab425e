"""Topics of their own for tests against the real broker and registry."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from fraud_contracts import LABELS, TRANSACTIONS, Topic, schema_text, topic_settings
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
    like = topic_settings()[TRANSACTIONS.name]
    Topics(servers[0]).ensure(
        {topic.name: replace(like, partitions=topic.partitions) for topic in (transactions, labels)}
    )
    with Registry(servers[1]) as registry:
        for topic in (transactions, labels):
            registry.register(topic.subject, schema_text(topic))
    yield transactions, labels
    admin = AdminClient({"bootstrap.servers": servers[0]})
    for done in admin.delete_topics([transactions.name, labels.name]).values():
        done.result(timeout=30)
    for topic in (transactions, labels):
        httpx.delete(f"{servers[1]}/subjects/{topic.subject}")


@pytest.fixture(scope="session")
def namespaced(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """The module beside this one."""
    return load_script(Path(__file__).with_name("namespaced.py"))


@pytest.fixture(scope="session")
def signals(load_script: Callable[[Path], ModuleType], pytestconfig: pytest.Config) -> ModuleType:
    return load_script(pytestconfig.rootpath / "tests/process_signals.py")


@pytest.fixture(scope="module")
def kafka(servers: tuple[str, str], namespaced: ModuleType) -> Iterator[Any]:
    """The raw topics under names of this module's own; whoever asks finds what was sent before him."""
    with namespaced.renamed(f"producer-test-{secrets.token_hex(3)}."):
        broker = namespaced.Kafka(*servers)
        broker.create()
        yield broker
        broker.delete()


@pytest.fixture
def environment(kafka: Any, stack: Any, tmp_path: Path) -> dict[str, str]:
    """Environment of a producer with those topics and a ledger of its own."""
    return {
        **os.environ,
        **stack.env,
        "FRAUD_PRODUCER_LEDGER_DIR": str(tmp_path / "ledger"),
        "PRODUCER_METRICS_PORT": str(free_port()),
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start(*arguments)``: `fraud-producer` as a process of its own with this module's topics."""
    begun: list[subprocess.Popen[str]] = []
    prefix = TRANSACTIONS.name.removesuffix("transactions.raw")

    def run(*arguments: str) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("namespaced.py")
        process = subprocess.Popen(
            [sys.executable, str(script), prefix, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
