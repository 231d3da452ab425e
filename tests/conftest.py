"""The small demo that every cross-phase test looks at: run once per session, on the test stack."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from fraud_native.trino_client import connect

ROOT = Path(__file__).parents[1]
# a fixed end: the same history, the same model and the same figures in every run
END = "2026-10-01T12:00:00Z"
WORLD = ("--end", END, "--customers", "800", "--transactions", "60000", "--fraud-rate", "0.05")


@dataclass(frozen=True)
class Demo:
    """The finished demo: its stack, its report and ways to ask the stores about it."""

    stack: Any
    report: dict[str, Any]
    # what it printed
    said: str

    def trino(self, sql: str) -> list[list[Any]]:
        with connect(self.stack.env) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def postgres(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        env = self.stack.env
        with psycopg.connect(
            host=env["POSTGRES_HOST"],
            port=env["POSTGRES_CONNECT_PORT"],
            dbname="fraud",
            user="fraud_reader",
            password=env["FRAUD_READER_DB_PASSWORD"],
        ) as connection:
            return list(connection.execute(sql, parameters or None).fetchall())

    def messages(self) -> int:
        """How many payments the broker holds."""
        return count_messages(self.stack)

    def wait_for_messages(self, more_than: int) -> int:
        """Waits until the broker holds more payments than that; returns how many."""
        return wait_for_messages(self.stack, more_than)

    def run_pipeline(self) -> None:
        """Runs fraud_pipeline once more, through Airflow's REST API."""
        from fraud_native.demo.airflow import Airflow

        env = self.stack.env
        with Airflow(env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]) as airflow:
            airflow.wait_for_dag("fraud_pipeline", 60)
            airflow.wait("fraud_pipeline", airflow.trigger("fraud_pipeline"), 600, print)


@pytest.fixture(scope="session")
def demo(stack: Any) -> Demo:
    """Runs `demo` small: 60 days of 800 users, 60,000 payments, 12 seconds of live traffic.

    Somebody has begun to feed the history before, and has pressed Ctrl-C.
    """
    stack.clean()
    stack.need("ingestion-init")
    feed_a_little(stack)
    command = [str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", "demo", *WORLD, "--live-seconds", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    print(done.stdout[-20000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    report = json.loads((ROOT / "var/test/reports/demo.json").read_text(encoding="utf-8"))
    return Demo(stack, report, done.stdout)


def feed_a_little(stack: Any) -> None:
    with subprocess.Popen(
        [str(ROOT / ".venv/bin/fraud-producer"), "simulate", "--days", "60", *WORLD],
        env={**os.environ, **stack.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as feed:
        wait_for_messages(stack, 3000)
        feed.send_signal(signal.SIGINT)
        assert feed.wait(60) == 130
    assert count_messages(stack) < 60_000, "all of it was sent before it could be interrupted"


def count_messages(stack: Any) -> int:
    consumer = Consumer({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "e2e"})
    try:
        partitions = consumer.list_topics("transactions.raw", timeout=10).topics["transactions.raw"].partitions
        marks = (consumer.get_watermark_offsets(TopicPartition("transactions.raw", p), timeout=10) for p in partitions)
        return sum(high - low for low, high in marks)
    finally:
        consumer.close()


def wait_for_messages(stack: Any, more_than: int) -> int:
    deadline = time.monotonic() + 60
    while (count := count_messages(stack)) <= more_than:
        assert time.monotonic() < deadline, f"the producer stopped at {count} payments"
        time.sleep(0.1)
    return count


@pytest.fixture(scope="session")
def predict(demo: Demo) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Posts one payment to the running API and returns the answer."""
    import httpx

    env = demo.stack.env

    def post(body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{env['API_URL']}/predict", json=body, headers={"Authorization": f"Bearer {env['FRAUD_SERVING_API_KEY']}"}
        )
        answer.raise_for_status()
        decision: dict[str, Any] = answer.json()
        return decision

    return post
