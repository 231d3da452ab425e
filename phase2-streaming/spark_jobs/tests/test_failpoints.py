import ast
import inspect
import os
import signal
import subprocess
import sys
import time

import pytest

from fraud_stream import batches, bronze_writer, failpoints, maintenance, tables
from fraud_stream.failpoints import Failpoint, Trigger, arm, parse, reach

# a writer in small: it has a child, as the driver has its JVM, and comes to two points again and again
PROGRAM = """
import subprocess, sys, time
from fraud_stream.failpoints import Failpoint, arm, reach
arm(sys.argv[1])
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
for count in range(4):
    reach(Failpoint.BATCH_PLANNED)
    print(child.pid, count, flush=True)
    reach(Failpoint.BRONZE_WRITTEN)
child.kill()
"""


def life(armed: str) -> tuple[int, list[list[str]]]:
    """How a small writer ended, and the lines that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, armed], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, [line.split() for line in done.stdout.splitlines()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_dies_unless_a_point_is_armed() -> None:
    assert life("")[0] == 0


@pytest.mark.parametrize(("armed", "lines"), [("bronze-written", 1), ("bronze-written:3", 3), ("batch-planned:2", 1)])
def test_an_armed_point_kills_the_process_and_its_children_at_the_time_named(armed: str, lines: int) -> None:
    code, printed = life(armed)
    assert code == -signal.SIGKILL
    assert len(printed) == lines
    deadline = time.monotonic() + 10
    while is_alive(int(printed[0][0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(printed[0][0])), "the child outlived the kill"


def test_a_point_that_is_never_reached_kills_nobody() -> None:
    code, printed = life("lease-taken")
    assert (code, len(printed)) == (0, 4)


def test_only_the_armed_point_counts() -> None:
    trigger = Trigger(Failpoint.BRONZE_WRITTEN, 2)
    reached = [Failpoint.BRONZE_WRITTEN, Failpoint.BATCH_PLANNED, Failpoint.BRONZE_WRITTEN, Failpoint.BRONZE_WRITTEN]
    assert [trigger.fires(point) for point in reached] == [False, False, True, False]


@pytest.mark.parametrize("text", ["after-lunch", "bronze-written:", "bronze-written:0", "bronze-written:two", ":2"])
def test_what_names_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"there is no such point|which time is meant"):
        parse(text)


def test_an_unknown_point_is_refused_with_the_list_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=", ".join(Failpoint)):
        arm("after-lunch")
    # nothing was armed
    for point in Failpoint:
        reach(point)


def test_every_point_is_reached_somewhere_and_only_once() -> None:
    reached = [
        node.args[0].attr
        for module in (batches, bronze_writer, maintenance, tables)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == reach.__name__
        and isinstance(node.args[0], ast.Attribute)
    ]
    assert sorted(reached) == sorted(point.name for point in Failpoint)


def test_passing_a_point_costs_nothing_when_none_is_armed() -> None:
    assert failpoints._armed is None
    began = time.perf_counter()
    for _ in range(100_000):
        reach(Failpoint.BRONZE_WRITTEN)
    # a batch comes to four of them and takes a second
    assert (time.perf_counter() - began) / 100_000 < 20e-6
