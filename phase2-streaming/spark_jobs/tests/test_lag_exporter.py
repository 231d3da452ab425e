"""The exporter as a process while everything that it asks is away."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("fraud-stream"))


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def nowhere() -> Iterator[dict[str, str]]:
    """Settings whose Kafka, object store and Trino take connections and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as own:
        address = f"127.0.0.1:{port_of(silent)}"
        port = port_of(own)
        own.close()
        yield {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": address,
            "S3_ENDPOINT_URL": f"http://{address}",
            "CHECKPOINT_READER_S3_ACCESS_KEY": "fraud-checkpoint-reader",
            "CHECKPOINT_READER_S3_SECRET_KEY": "a-long-enough-secret",
            "TRINO_URL": f"http://{address}",
            "LAG_EXPORTER_PORT": str(port),
            "FRAUD_LAG_POLL_SECONDS": "0.2",
        }


def scrape(environment: dict[str, str]) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{environment['LAG_EXPORTER_PORT']}/metrics", timeout=1) as answer:
        text: str = answer.read().decode()
        return text


def test_it_answers_at_once_and_ends_at_once_while_nobody_answers_it(nowhere: dict[str, str]) -> None:
    process = subprocess.Popen([COMMAND, "lag-exporter"], env=nowhere, stderr=subprocess.PIPE, text=True)
    try:
        text = ""
        deadline = time.monotonic() + 30
        while 'up{source="checkpoint"}' not in text and time.monotonic() < deadline:
            time.sleep(0.2)
            try:
                text = scrape(nowhere)
            except urllib.error.URLError:
                assert process.poll() is None, process.communicate()[1]
        assert 'fraud_lag_exporter_up{source="checkpoint"} 0.0' in text
        assert "process_start_time_seconds" in text
        assert not re.search("^(kafka_|fraud_lakehouse|fraud_gold|fraud_bronze|fraud_conservation)", text, re.MULTILINE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        _, log = process.communicate()
    assert "Traceback" not in log
    assert log.count("cannot be read") == 1, log


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECKPOINT_READER_S3_SECRET_KEY", ""),
        ("FRAUD_LAG_POLL_SECONDS", "0"),
        ("FRAUD_LAKEHOUSE_POLL_SECONDS", "often"),
        ("LAG_EXPORTER_PORT", "70000"),
    ],
)
def test_an_unusable_setting_is_one_sentence(nowhere: dict[str, str], name: str, value: str) -> None:
    done = subprocess.run(
        [COMMAND, "lag-exporter"], env={**nowhere, name: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"fraud-stream: {name}: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_held_is_one_sentence(nowhere: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [COMMAND, "lag-exporter"],
            env={**nowhere, "LAG_EXPORTER_PORT": str(port_of(taken))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("fraud-stream: LAG_EXPORTER_PORT: cannot listen on 127.0.0.1:")


def test_it_carries_neither_spark_nor_a_jvm() -> None:
    code = "import sys, fraud_stream.cli, fraud_stream.lag_exporter; print({'pyspark', 'py4j'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
