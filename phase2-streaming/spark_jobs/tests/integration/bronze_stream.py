"""The handles with which tests drive a Bronze stream of their own: what they send, the driver, the lag exporter.

A module and not fixtures: the tests of this room and those that break the whole platform wire them up differently.
"""

import io
import json
import os
import random
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest
from confluent_kafka import KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from fraud_contracts import (
    BRONZE,
    CARD_EVENTS,
    CATALOG,
    EXTERNAL_ALERTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TRANSACTIONS,
    Topic,
    schema,
)
from fraud_stream.coordinates import Coordinates
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.quarantine_reader import decrypt
from fraud_stream.registration import registered_tables
from fraud_stream.streams import Layout, Stream

PARTITIONS = {topic.name: 1 for topic in RAW_TOPICS} | {TRANSACTIONS.name: 3, LABELS.name: 2}
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
READY_SECONDS = 300


def free_port() -> int:
    """A free port below those that the kernel gives to outgoing connections, which take them at any time."""
    while True:
        port = random.randrange(12_000, 19_000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def own_environment(platform: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Environment of a Bronze writer with a namespace, a ledger and ports of its own."""
    ports = (
        "SPARK_UI_PORT",
        "SPARK_DRIVER_PORT",
        "SPARK_BLOCK_MANAGER_PORT",
        "BRONZE_METRICS_PORT",
        "LAG_EXPORTER_PORT",
    )
    suffix = "".join(random.choices(string.ascii_lowercase, k=6))
    return {
        **os.environ,
        **platform,
        "FRAUD_STREAM_NAMESPACE": f"it_{suffix}_",
        "FRAUD_PRODUCER_LEDGER_DIR": str(folder / "ledger"),
        "FRAUD_STREAM_WORK_DIR": str(folder / "spark"),
        "FRAUD_STREAM_AUDIT_LOG": str(folder / "audit" / "quarantine.jsonl"),
        "FRAUD_LAG_POLL_SECONDS": "0.5",
        "FRAUD_LAKEHOUSE_POLL_SECONDS": "1",
        "FRAUD_LAG_CONSUMER_GROUPS": f"it-{suffix}",
        "BRONZE_TRIGGER": "1s",
        "BRONZE_MAX_OFFSETS_PER_TRIGGER": "1500",
        **{name: str(free_port()) for name in ports},
    }


def in_clear(letter: Message, key: bytes) -> bytes | None:
    """What a dead letter's message held before the Bronze writer encrypted it."""
    value = letter.value()
    return None if value is None else decrypt(value, key, Coordinates.parse(letter.key().decode()))


def remove_stream(environment: Mapping[str, str], layout: Layout, bucket: Any) -> None:
    """Take a namespace's tables and checkpoints away."""
    with Lakehouse(environment["TRINO_URL"]) as lakehouse:
        for table in set(layout.tables()) & registered_tables(lakehouse):
            lakehouse.query(f"CALL {CATALOG}.system.unregister_table('{BRONZE}', '{table}')")
    for prefix in (*layout.tables().values(), *(stream.checkpoint_key for stream in layout.streams), layout.lease_key):
        bucket.objects.filter(Prefix=prefix).delete()


class Feed:
    """Produces to the namespace's topics and keeps the ledger that every producer keeps."""

    def __init__(self, environment: dict[str, str], layout: Layout) -> None:
        self._environment = environment
        self._folder = Path(environment["FRAUD_PRODUCER_LEDGER_DIR"])
        self._producer = Producer(
            {
                "bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"],
                "enable.idempotence": True,
                "linger.ms": 5,
                # what is too large is for the broker to say
                "message.max.bytes": 16 * 1024 * 1024,
                "log_level": 2,
            }
        )
        self._admin = AdminClient({"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"], "log_level": 2})
        self._next = 0
        self.streams = {stream.contract.name: stream for stream in layout.streams}
        self.schema_ids: dict[str, int] = {}

    def create(self, partitions: Mapping[str, int] = PARTITIONS, **settings: str) -> None:
        """Make the topics with so many partitions each, and register the schemas; settings are the broker's names."""
        topics = [
            NewTopic(name, count, config={"message.timestamp.type": "LogAppendTime", **settings})
            for contract, count in partitions.items()
            for name in (self.streams[contract].topic, self.streams[contract].dead_letter_topic)
        ]
        for future in self._admin.create_topics(topics).values():
            future.result(30)
        for stream in self.streams.values():
            self.schema_ids[stream.contract.name] = self.register(stream, schema(stream.contract))

    def register(self, stream: Stream, avro: dict[str, Any]) -> int:
        url = f"{self._environment['SCHEMA_REGISTRY_URL']}/subjects/{stream.subject}/versions"
        answer = httpx.post(url, json={"schema": json.dumps(avro)}, timeout=30)
        answer.raise_for_status()
        return int(answer.json()["id"])

    def remove(self) -> None:
        names = [name for stream in self.streams.values() for name in (stream.topic, stream.dead_letter_topic)]
        for future in self._admin.delete_topics(names).values():
            future.result(30)
        for stream in self.streams.values():
            httpx.delete(f"{self._environment['SCHEMA_REGISTRY_URL']}/subjects/{stream.subject}", timeout=30)

    def forget(self, topic: str, partition: int, before: int) -> None:
        """Let the broker remove the messages before an offset, as retention does."""
        futures = self._admin.delete_records([TopicPartition(topic, partition, before)])
        for future in futures.values():
            future.result(30)

    def transaction(self, **changes: Any) -> dict[str, Any]:
        """A good payment; every call is another one, seconds after the last."""
        self._next += 1
        return {
            "transaction_id": f"t{self._next:06d}",
            "event_time": START + timedelta(seconds=37 * self._next, microseconds=self._next % 1000),
            "user_id": f"U{self._next % 50:04d}",
            "merchant_id": f"M{self._next % 20:03d}",
            "amount": Decimal(100 + self._next % 9000).scaleb(-2),
            "card_hash": f"k1:{self._next:064x}",
            "currency": "EUR",
            "country": "DE",
            "latitude": 52.5,
            "longitude": 13.4,
            "channel": "ONLINE",
            **changes,
        }

    def label(self, **changes: Any) -> dict[str, Any]:
        self._next += 1
        return {
            "label_id": f"l{self._next:06d}",
            "transaction_id": f"t{self._next:06d}",
            "event_time": START + timedelta(days=2, seconds=self._next),
            "is_fraud": True,
            "source": "CHARGEBACK",
            **changes,
        }

    def other(self, topic: Topic, **changes: Any) -> dict[str, Any]:
        """A good record of one of the other topics, with most of its fields."""
        self._next += 1
        card = f"k1:{self._next:064x}"
        first: dict[str, Any] = {
            topic.id_field: f"o{self._next:06d}",
            "event_time": START + timedelta(days=1, seconds=self._next, microseconds=self._next % 1000),
            topic.key_field: f"U{self._next % 50:04d}",
            "country": "DE",
        }
        more: dict[str, dict[str, Any]] = {
            LOGINS.name: {"outcome": "SUCCESS", "method": "PASSWORD", "channel": "WEB", "session_id": "s1"},
            CARD_EVENTS.name: {
                "event_type": "LIMIT_CHANGED",
                "card_hash": card,
                "limit_amount": Decimal(self._next).scaleb(-2),
            },
            KYC_PROFILES.name: {
                "change_type": "OPENED",
                "valid_from": datetime(1971, 2, 3, tzinfo=UTC),
                "birth_year": 1950,
                "annual_income": Decimal("31500.00"),
                "is_politically_exposed": False,
                "email_hash": f"{self._next:064x}",
            },
            EXTERNAL_ALERTS.name: {
                "entity_type": "CARD",
                "entity_id": card,
                "source": "card-network",
                "alert_type": "STOLEN_CARD",
                "severity": "HIGH",
                "amount": Decimal("12.50"),
                "expires_at": START + timedelta(days=90),
            },
        }
        return first | more[topic.name] | changes

    def encode(
        self, topic: Topic, record: dict[str, Any], avro: dict[str, Any] | None = None, schema_id: int = 0
    ) -> bytes:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(avro or schema(topic)), record)
        return b"\x00" + (schema_id or self.schema_ids[topic.name]).to_bytes(4, "big") + body.getvalue()

    def send(
        self, topic: Topic, values: list[bytes | None], run: str = "feed", key: str | None = None
    ) -> list[tuple[int, int]]:
        """Produce values in order, wait for all delivery reports and write them to the ledger; their coordinates.

        ``key`` is for all of them; without one each has its own.
        """
        places: list[tuple[int, int]] = [(-1, -1)] * len(values)
        stream = self.streams[topic.name]

        def delivered(index: int, error: Any, message: Message) -> None:
            if error is not None:
                raise KafkaException(error)
            places[index] = (message.partition(), message.offset())

        for index, value in enumerate(values):
            self._producer.produce(
                stream.topic,
                value,
                key=f"key-{index}" if key is None else key,
                on_delivery=lambda error, message, index=index: delivered(index, error, message),
            )
            self._producer.poll(0)
        assert self._producer.flush(60) == 0
        ledger = self._folder / stream.topic / f"{run}.csv"
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with ledger.open("a", encoding="utf-8") as lines:
            if ledger.stat().st_size == 0:
                lines.write("partition,offset,id\n")
            lines.writelines(f"{partition},{offset},{index}\n" for index, (partition, offset) in enumerate(places))
        return places

    def send_good(self, count: int, labels: int = 0) -> None:
        self.send(TRANSACTIONS, [self.encode(TRANSACTIONS, self.transaction()) for _ in range(count)])
        self.send(LABELS, [self.encode(LABELS, self.label()) for _ in range(labels)])


class Exporter:
    """The lag exporter as a process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log

    def start(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as output:
            return subprocess.Popen(
                [Driver._command(), "lag-exporter"], env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    def figures(self, name: str, **labels: str) -> dict[str, float]:
        """Samples of a metric that carry these labels: their values by partition, "" for those without."""
        url = f"http://127.0.0.1:{self._environment['LAG_EXPORTER_PORT']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return {
            sample.labels.get("partition", ""): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def wait_for(self, expected: dict[str, float], name: str, seconds: float = 30, **labels: str) -> None:
        """Wait until a metric says just this."""
        found: dict[str, float] | str = {}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = self.figures(name, **labels)
            except OSError as error:
                found = str(error)
            if found == expected:
                return
            time.sleep(0.2)
        pytest.fail(f"{name} {labels} is {found}, not {expected}\n{self._log.read_text()[-3000:]}")


class Driver:
    """The Bronze writer as a process, and the other commands of this room."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **changes: str) -> None:
        """Start it, in a process group of its own as supervisor does, with changes to its environment."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [self._command(), "bronze-writer"],
                env={**self.environment, **changes},
                cwd=self.log.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to the driver and its JVM at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.wait(60) == -signal.SIGKILL

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                self.metrics()
            except OSError:
                time.sleep(0.3)
            else:
                return
        pytest.fail(f"the Bronze writer was not ready in {READY_SECONDS} s\n{self.log.read_text()[-4000:]}")

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.environment['BRONZE_METRICS_PORT']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run another command of this room."""
        return subprocess.run(
            [self._command(), *arguments],
            env={**self.environment, **changes},
            cwd=self.log.parent,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def conservation(self, *arguments: str, wait: float = 240) -> tuple[int, dict[str, Any], str]:
        """Exit code, JSON and text of `fraud-stream conservation`, which gives messages so many seconds to land."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "conservation.json"
            done = self.run("conservation", "--wait", str(wait), "--json", str(path), *arguments)
            assert path.exists(), done.stdout + done.stderr
            return done.returncode, json.loads(path.read_text()), done.stdout

    @staticmethod
    def _command() -> str:
        return str(Path(sys.executable).with_name("fraud-stream"))
