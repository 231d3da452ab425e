"""The port says whether the broker was reached lately and whether the queue moves."""

import time
from collections.abc import Iterator

import httpx
import pytest

from fraud_producer import health, metrics
from fraud_producer.health import SILENT_SECONDS, STUCK_SECONDS, Health


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(health.time, "monotonic", made)
    yield made
    monkeypatch.setattr(health.time, "monotonic", time.monotonic)


def test_without_a_producer_nothing_is_wrong(clock: Clock) -> None:
    one = Health()
    clock.now += 1000
    assert one.verdict() == (True, {"status": "idle"})


def test_a_broker_that_answers_no_more_is_told_after_a_while(clock: Clock) -> None:
    one = Health()
    one.open()
    for any_up, is_well in ((True, True), (False, True), (False, False), (True, True)):
        clock.now += SILENT_SECONDS * 0.6
        one.brokers(any_up=any_up)
        assert one.verdict()[0] is is_well
    clock.now += SILENT_SECONDS + 1
    assert "no broker was reached for" in one.verdict()[1]["reasons"][0]


def test_a_queue_that_stands_still_is_told(clock: Clock) -> None:
    one = Health()
    one.open()
    for moves, is_well in ((True, True), (False, True), (False, False), (True, True)):
        clock.now += STUCK_SECONDS * 0.6
        one.brokers(any_up=True)
        one.queue(5, has_moved=moves)
        assert one.verdict()[0] is is_well
    one.queue(0, has_moved=False)
    clock.now += STUCK_SECONDS + 1
    one.brokers(any_up=True)
    assert one.verdict()[0], "nothing waits"


def test_the_port_tells_health_and_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Health()
    monkeypatch.setattr(metrics, "HEALTH", own)
    server = metrics.serve_metrics("127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.port}"
    assert httpx.get(f"{address}/health").json() == {"status": "idle"}
    own.open()
    monkeypatch.setattr(health, "SILENT_SECONDS", -1.0)
    sick = httpx.get(f"{address}/health")
    assert sick.status_code == 503
    assert sick.json()["status"] == "unhealthy"
    assert "fraud_producer_queued_messages" in httpx.get(f"{address}/metrics").text
