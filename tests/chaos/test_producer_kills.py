"""F1: the producer is killed at random moments, and each start after it sends exactly what was not sent before."""

from types import ModuleType
from typing import Any

import pytest

from fraud_stream.streams import Layout, trino_table

PAYMENTS = 40_000
BOUND_SECONDS = 10.0


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The driver begins when all is sent: it may take much at once."""
    return environment | {"BRONZE_MAX_OFFSETS_PER_TRIGGER": "60000"}


@pytest.mark.chaos("F1")
def test_a_producer_killed_at_random_moments_sends_every_event_once(
    chaos: Any,
    record: Any,
    namespaced: ModuleType,
    handles: ModuleType,
    producers: Any,
    broker: Any,
    driver: Any,
    layout: Layout,
    trino: Any,
) -> None:
    history = namespaced.History(days=20, payments=PAYMENTS, seed=chaos.seed % 10_000)
    expected = sorted((event.topic.name, event.event_id) for event in history.events())
    # the last part is left for the run that nobody kills
    moments = sorted(chaos.random.sample(range(200, int(len(expected) * 0.9)), chaos.kills))
    recovered, unwritten = [], 0
    for moment in moments:
        before = broker.messages(layout.namespace)
        process = producers.start(*history.command)
        took = handles.wait_for(lambda before=before: broker.messages(layout.namespace) > before, 60, "a message")
        if before:
            recovered.append(took)
        handles.wait_for(lambda moment=moment: broker.messages(layout.namespace) >= moment, 60, "the moment to kill")
        assert process.poll() is None, producers.log.read_text()[-3000:]
        process.kill()
        process.wait()
        unwritten += broker.messages(layout.namespace) - producers.acknowledged()
    assert unwritten > 0, "the kills came when every report was written: nothing is tested"
    last = producers.start(*history.command)
    assert last.wait(120) == 0, producers.log.read_text()[-3000:]

    driver.start()
    driver.wait_ready()
    assert driver.run("register-tables", "--wait", "60", "--require").returncode == 0
    code, verdict, text = driver.conservation()
    record("F1", f"producer, {chaos.kills} kills", max(recovered), BOUND_SECONDS, verdict)
    assert code == 0, text
    landed = [
        (stream.contract.name, name)
        for stream in layout.streams
        for (name,) in trino.query(f"SELECT {stream.contract.id_field} FROM {trino_table(stream.table)}")
    ]
    assert sorted(landed) == expected
