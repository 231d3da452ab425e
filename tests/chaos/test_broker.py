"""F7: the broker is killed, or stands still, while a producer sends and the Bronze driver reads."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from fraud_stream.streams import Layout, trino_table

BOUND_SECONDS = 45.0
RATE = 200
# whatever was acknowledged between looking at the broker and harming it, and more
SURELY_NEW = 2 * RATE


@dataclass(frozen=True)
class Traffic:
    """Live payments, and a driver that is started again whenever it ends, as supervisor would."""

    producer: subprocess.Popen[bytes]
    # exit codes with which the driver ended
    ended: list[int]

    def finish(self) -> None:
        """Send what is queued and end."""
        self.producer.terminate()
        assert self.producer.wait(60) == 0, "the producer could not end cleanly"


@pytest.fixture
def traffic(running: Any, producers: Any, handles: ModuleType) -> Iterator[Traffic]:
    process = producers.start("stream", "--rate", str(RATE), "--customers", "300")
    with handles.kept_alive(running) as ended:
        before = handles.landed(running)
        handles.wait_for(lambda: handles.landed(running) > before + 3 * RATE, 120, "payments in Bronze")
        yield Traffic(process, ended)
    process.kill()
    process.wait()


def recovery(handles: ModuleType, running: Any, before: int, since: float) -> float:
    """Seconds since a moment until a message that was sent after the fault is in Bronze."""
    handles.wait_for(lambda: handles.landed(running) > before + SURELY_NEW, 180, "new payments")
    return time.monotonic() - since


def each_once(running: Any, layout: Layout, trino: Any) -> dict[str, Any]:
    code, verdict, text = running.conservation()
    assert code == 0, text + running.log.read_text()[-3000:]
    for stream in layout.streams:
        field = stream.contract.id_field
        ((rows, ids),) = trino.query(f"SELECT count(*), count(DISTINCT {field}) FROM {trino_table(stream.table)}")
        assert rows == ids, f"{stream.table} holds an event twice"
    found: dict[str, Any] = verdict
    return found


@pytest.mark.chaos("F7")
def test_a_broker_killed_again_and_again_loses_nothing(
    chaos: Any,
    record: Any,
    handles: ModuleType,
    traffic: Traffic,
    running: Any,
    broker: Any,
    layout: Layout,
    trino: Any,
) -> None:
    kills = max(1, chaos.kills // 2)
    recovered = []
    for _ in range(kills):
        before = broker.messages(layout.namespace)
        # the command that kills takes a while to begin and to end, and the broker is away meanwhile
        began = time.monotonic()
        broker.kill()
        recovered.append(recovery(handles, running, before, began))
        time.sleep(chaos.random.uniform(0.5, 4))
    traffic.finish()
    verdict = each_once(running, layout, trino)
    target = f"broker, {kills} kills; driver ended {len(traffic.ended)} times"
    record("F7", target, max(recovered), BOUND_SECONDS, verdict)


@pytest.mark.chaos("F7")
@pytest.mark.parametrize("seconds", [5, 30, 120])
def test_a_broker_that_stands_still_loses_nothing(
    seconds: int,
    record: Any,
    handles: ModuleType,
    traffic: Traffic,
    running: Any,
    broker: Any,
    layout: Layout,
    trino: Any,
) -> None:
    before = broker.messages(layout.namespace)
    with broker.paused():
        time.sleep(seconds)
    took = recovery(handles, running, before, time.monotonic())
    traffic.finish()
    verdict = each_once(running, layout, trino)
    record("F7", f"broker, SIGSTOP {seconds} s; driver ended {len(traffic.ended)} times", took, BOUND_SECONDS, verdict)
