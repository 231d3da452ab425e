"""A command that sends a file can be watched like the producer service, and gives way to it."""

import json
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


def page(environment: dict[str, str], path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{environment['PRODUCER_METRICS_PORT']}/{path}")


def acknowledged(environment: dict[str, str]) -> float:
    """Payments that the process on the port counts; 0 while nobody answers there."""
    series = f'fraud_producer_events_total{{outcome="acknowledged",topic="{TRANSACTIONS.name}"}} '
    try:
        lines = page(environment, "metrics").text.splitlines()
    except httpx.ConnectError:
        return 0.0
    return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_a_replay_tells_how_far_it_is_and_gives_the_port_back(
    kafka: Any, start: Start, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    # a minute of the file in a twentieth of a second: a minute for all of it
    replay = start(*command, "--speed", "1200")
    wait_for(lambda: acknowledged(environment) > 20)
    first = acknowledged(environment)
    wait_for(lambda: acknowledged(environment) > first + 20)
    health = page(environment, "health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert replay.poll() is None, "it was over before it could be watched"
    replay.terminate()
    said, log = replay.communicate(timeout=60)
    assert replay.returncode == 143, log
    assert sum(json.loads(said)["produced"].values()) == kafka.messages() < ROWS
    with pytest.raises(httpx.ConnectError):
        page(environment, "health")


def test_a_replay_beside_a_running_stream_leaves_it_the_port(
    kafka: Any, start: Start, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    stream = start("stream", "--rate", "20", "--customers", "50", "--days", "1")
    wait_for(lambda: acknowledged(environment) > 20)
    said, log = (replay := start(*command, "--append")).communicate(timeout=60)
    assert replay.returncode == 0, log
    assert json.loads(said)["produced"] == {TRANSACTIONS.name: ROWS}
    port = environment["PRODUCER_METRICS_PORT"]
    assert log.count(f"PRODUCER_METRICS_PORT {port} cannot be used") == 1
    before = acknowledged(environment)
    wait_for(lambda: acknowledged(environment) > before)
    stream.terminate()
    _, log = stream.communicate(timeout=60)
    assert stream.returncode == 0, log
