"""F8: the broker's machine loses its power. What was not on its disk is gone, and nobody may keep quiet about it.

The broker is killed while it stands still, so that it cannot flush, and every log segment is cut back to the pages that
the kernel had written. The producer lives on another machine: it stands still meanwhile and goes on afterwards.
"""

import os
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fraud_native import paths
from fraud_stream.streams import Layout

BOUND_SECONDS = 60.0
RATE = 500
COMMAND = ("stream", "--rate", str(RATE), "--customers", "300")


@pytest.fixture(scope="module", params=[{}, {"flush.messages": "1"}], ids=["as shipped", "flush.messages=1"])
def flushing(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of the topics."""
    found: dict[str, str] = request.param
    return found


@pytest.fixture(scope="module")
def environment(environment: dict[str, str], flushing: dict[str, str], bronze_stream: ModuleType) -> dict[str, str]:
    """One stream, with a ledger, for each of the settings."""
    suffix = "flushed_" if flushing else ""
    own = ("FRAUD_STREAM_NAMESPACE", "FRAUD_PRODUCER_LEDGER_DIR", "FRAUD_STREAM_WORK_DIR")
    return environment | {name: environment[name] + suffix for name in own}


@pytest.fixture(scope="module")
def topic_settings(flushing: dict[str, str]) -> Mapping[str, str]:
    return flushing


def ends(broker: Any, layout: Layout) -> dict[tuple[str, int], int]:
    """The end of every partition of the raw topics."""
    spans = broker.spans(layout.namespace)
    return {(topic, number): end for topic, found in spans.items() for number, (_, end) in found.items()}


@pytest.mark.chaos("F8")
def test_a_broker_that_loses_its_power_loses_what_it_had_not_flushed_and_it_is_told(
    flushing: dict[str, str],
    record: Any,
    handles: ModuleType,
    producers: Any,
    broker: Any,
    driver: Any,
    layout: Layout,
) -> None:
    sender = producers.start(*COMMAND)
    handles.wait_for(lambda: producers.acknowledged() > 5 * RATE, 90, "some seconds of payments")
    os.kill(sender.pid, signal.SIGSTOP)
    # what was under way is answered, though nobody reads the answers
    time.sleep(1)
    before = ends(broker, layout)
    began = time.monotonic()
    broker.lose_power()
    back = time.monotonic() - began
    after = ends(broker, layout)
    lost = sum(before.values()) - sum(after.values())

    driver.start()
    driver.wait_ready()
    assert driver.run("register-tables", "--wait", "60", "--require").returncode == 0
    code, verdict, text = driver.conservation(wait=30 if lost else 120)
    named = sum(topic["missing"] for topic in verdict.values())
    if flushing:
        # what was acknowledged while the producer stood still is in no ledger yet
        assert (lost, named) == (0, 0), text
    else:
        assert lost > 0, "everything was on the disk already: nothing is tested"
        assert code == 1, text
        assert 0 < named <= lost, text

    began = time.monotonic()
    os.kill(sender.pid, signal.SIGCONT)
    with handles.kept_sending(sender, producers, *COMMAND) as senders:
        handles.wait_for(lambda: handles.landed(driver) > sum(after.values()) + RATE, 120, "new payments in Bronze")
        back += time.monotonic() - began
    how = "each message flushed" if flushing else "topics as shipped"
    target = f"broker's power, {how}: {lost} lost, {named} named, {len(senders)} producers"
    record("F8", target, back, BOUND_SECONDS, verdict)
    if flushing:
        code, _, text = driver.conservation()
        assert code == 0, text


@pytest.mark.chaos("F8")
def test_a_loss_of_power_keeps_what_was_flushed_and_takes_the_rest(broker: Any, record: Any) -> None:
    kept, page = b"flushed" * 5000, broker.power_loss.PAGE
    with tempfile.TemporaryDirectory(dir=paths.Stack("test").state) as folder:
        path = Path(folder) / "1.log"
        with path.open("wb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
            file.write(b"acknowledged" * 5000)
            file.flush()
            assert broker.power_loss.lose_unwritten(Path(folder), "*.log") > 0
        # the page that both share is rounded down
        assert path.read_bytes() == kept[: len(kept) // page * page]
    # a file and no topic: no message was sent
    record("F8", "what a loss of power leaves of a file", None, None, {})
