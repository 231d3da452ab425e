"""A command that sends a file can be watched like the producer service, and is in nobody's way."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest

from fraud_contracts import TRANSACTIONS

pytestmark = pytest.mark.integration

Start = Callable[..., Popen[str]]
ROWS = 1200


@pytest.fixture(autouse=True)
def emptied(kafka: Any) -> Iterator[None]:
    yield
    kafka.empty()


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    """Sends payments a minute apart."""
    file, mapping = tmp_path / "payments.csv", tmp_path / "map.yml"
    rows = "".join(f"{1_790_000_000 + number * 60},u{number % 50},m1,5\n" for number in range(ROWS))
    file.write_text("t,u,m,a\n" + rows)
    mapping.write_text("columns: {event_time: t, user_id: u, merchant_id: m, amount: a}\ntime: {format: epoch_s}\n")
    return "replay", str(file), "--mapping", str(mapping)


def address_of(process: Popen[str]) -> str:
    """Where a command says that it can be watched."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    pytest.fail("it says nowhere that it can be watched")


def acknowledged(address: str) -> float:
    """Payments that the process at the address counts; 0 while nobody answers there."""
    series = f'fraud_producer_events_total{{outcome="acknowledged",topic="{TRANSACTIONS.name}"}} '
    try:
        lines = httpx.get(f"{address}/metrics").text.splitlines()
    except httpx.ConnectError:
        return 0.0
    return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_a_replay_tells_how_far_it_is(kafka: Any, start: Start, command: tuple[str, ...]) -> None:
    # a minute of the file in a twentieth of a second: a minute for all of it
    replay = start(*command, "--speed", "1200")
    address = address_of(replay)
    wait_for(lambda: acknowledged(address) > 20)
    first = acknowledged(address)
    wait_for(lambda: acknowledged(address) > first + 20)
    health = httpx.get(f"{address}/health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert replay.poll() is None, "it was over before it could be watched"
    replay.terminate()
    said, log = replay.communicate(timeout=60)
    assert replay.returncode == 143, log
    assert sum(json.loads(said)["produced"].values()) == kafka.messages() < ROWS
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


def test_a_replay_beside_a_running_stream_leaves_it_its_port(
    kafka: Any, start: Start, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    service = f"http://127.0.0.1:{environment['PRODUCER_METRICS_PORT']}"
    stream = start("stream", "--rate", "20", "--customers", "50", "--days", "1")
    wait_for(lambda: acknowledged(service) > 20)
    replay = start(*command, "--append")
    assert address_of(replay) != service
    said, log = replay.communicate(timeout=60)
    assert replay.returncode == 0, log
    assert json.loads(said)["produced"] == {TRANSACTIONS.name: ROWS}
    before = acknowledged(service)
    wait_for(lambda: acknowledged(service) > before)
    stream.terminate()
    _, log = stream.communicate(timeout=60)
    assert stream.returncode == 0, log
