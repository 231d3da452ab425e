"""The test stack: real components, started by the project's own launcher under var/test on ports of their own.

And the small demo, run once per session, that every test looks at which needs the whole path.
"""

import importlib.util
import ipaddress
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from fraud_native import paths
from fraud_native.demo.airflow import Airflow
from fraud_native.orphans import processes_of
from fraud_native.trino_client import connect

ROOT = Path(__file__).parent
COMMANDS = ROOT / ".venv" / "bin"
# The small demo. A fixed end: the same history, the same model and the same figures in every run.
END = "2026-10-01T12:00:00Z"
WORLD = ("--end", END, "--customers", "800", "--transactions", "60000", "--fraud-rate", "0.05")
SMALL_DEMO = ("demo", *WORLD, "--live-seconds", "20")
# A shell that starts us in the background lets us ignore Ctrl-C, and tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The test stack lives for minutes: the optimising compiler would cost its servers more than it gives them.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


@pytest.fixture(scope="module", autouse=True)
def signals_as_found() -> Iterator[None]:
    """No test module may leave a signal handler behind: Ctrl-C would no longer end the session."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    left = [signal.getsignal(number) for number in numbers]
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    assert left == before


class Stack:
    """A handle on the running test stack; services start when a test first needs them."""

    def __init__(self) -> None:
        self._up: set[str] = set()
        self.was_running = "RUNNING" in self.launcher("status", "--plain", check=False)
        self.env = self._environment()

    def launcher(self, *arguments: str, check: bool = True) -> str:
        """Runs a launcher command against the test stack and returns what it printed."""
        command = [str(COMMANDS / "fraud-native"), "--stack", "test", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if check and done.returncode:
            pytest.fail(_failure(command, done), pytrace=False)
        return done.stdout

    def _environment(self) -> dict[str, str]:
        pairs = (shlex.split(line)[0].partition("=") for line in self.launcher("env").splitlines() if line)
        return {name: value for name, _, value in pairs}

    def need(self, *services: str) -> None:
        """Starts these services and what they depend on, unless they run already."""
        if missing := [service for service in services if service not in self._up]:
            self.launcher("up", *missing)
            self._up.update(missing)
            self.hold_pipeline()

    def hold_pipeline(self) -> None:
        """Takes the pipeline's schedule away: a run at a quarter past would meet the runs that tests ask for."""
        paths.Stack("test").hold_pipeline("tests drive")

    def clean(self) -> None:
        """Stops everything and deletes the stack's data."""
        self.launcher("clean", "--yes")
        self._up.clear()

    def start(self, service: str) -> None:
        self.launcher("start", service)

    def stop(self, service: str) -> None:
        self._up.discard(service)
        self.launcher("stop", service)

    def kill(self, service: str) -> None:
        """Ends a service with SIGKILL; the launcher starts it again."""
        self.launcher("kill", service)

    def assert_loopback_only(self, *ports: str) -> None:
        """Fails where a socket of this stack waits for others beyond loopback, by TCP or UDP.

        Args:
            ports: variables of ports at which something must be waiting: that the sockets were found at all.
        """
        owners = set(processes_of(paths.Stack("test")))
        waiting = [
            connection
            for connection in psutil.net_connections("inet")
            if connection.pid in owners and (connection.status == psutil.CONN_LISTEN or not connection.raddr)
        ]
        beyond = {
            f"{psutil.Process(connection.pid).name()} on {connection.laddr}"
            for connection in waiting
            if not _is_loopback(connection.laddr.ip)
        }
        assert beyond == set()
        assert {int(self.env[name]) for name in ports} - {connection.laddr.port for connection in waiting} == set()

    def run(
        self, command: Sequence[str], *, check: bool = True, env: dict[str, str] | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of our console commands with the environment of the test stack."""
        done = subprocess.run(
            [str(COMMANDS / command[0]), *command[1:]],
            cwd=ROOT,
            env={**os.environ, **self.env, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            pytest.fail(_failure(command, done), pytrace=False)
        return done


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _failure(command: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    return f"{shlex.join(command)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The test stack; it is stopped at the end unless it ran before the session began."""
    handle = Stack()
    yield handle
    if not handle.was_running:
        handle.launcher("down")


@pytest.fixture(scope="session")
def load_script() -> Callable[[Path], ModuleType]:
    """``load_script(path)``: a script of the repository that belongs to no package, as a module."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # its dataclasses look for themselves there
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


@dataclass(frozen=True)
class Killed:
    """Payments that the broker held, and those in Bronze, just before the Spark driver was killed."""

    sent: int
    landed: int


@dataclass(frozen=True)
class Demo:
    """The finished demo: its stack, its report and ways to ask the stores about it."""

    stack: Stack
    report: dict[str, Any]
    # what it printed
    said: str
    killed: Killed

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

    def run_pipeline(self) -> None:
        """Runs fraud_pipeline once more, through Airflow's REST API."""
        env = self.stack.env
        with Airflow(env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]) as airflow:
            airflow.wait_for_dag("fraud_pipeline", 60)
            airflow.wait("fraud_pipeline", airflow.trigger("fraud_pipeline"), 600, print)

    def again(self, *more: str) -> "Demo":
        """Runs the same command once more, on what is there, with more options."""
        said = self.stack.launcher(*SMALL_DEMO, *more)
        self.stack.hold_pipeline()
        return Demo(self.stack, demo_report(), said, self.killed)


@pytest.fixture(scope="session")
def demo(stack: Stack) -> Demo:
    """Runs `demo` small: 60 days of 800 users, 60,000 payments, 20 seconds of live traffic.

    Somebody has begun to feed the history before, and has pressed Ctrl-C. While the rest lands in Bronze the Spark
    driver is killed.
    """
    stack.clean()
    stack.need("ingestion-init")
    feed_a_little(stack)
    command = [str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", *SMALL_DEMO]
    output = ROOT / "var/test/demo-output.txt"
    with (
        output.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=file, stderr=subprocess.STDOUT
        ) as running,
    ):
        try:
            killed = kill_the_driver(stack, output, running)
            running.wait(1500)
        finally:
            running.terminate()
    said = output.read_text(encoding="utf-8")
    print(said[-20000:])
    assert running.returncode == 0, said[-6000:]
    stack.hold_pipeline()
    return Demo(stack, demo_report(), said, killed)


def demo_report() -> dict[str, Any]:
    """What the last demo on the test stack has written down."""
    report: dict[str, Any] = json.loads((ROOT / "var/test/reports/demo.json").read_text(encoding="utf-8"))
    return report


def kill_the_driver(stack: Stack, output: Path, running: subprocess.Popen[bytes]) -> Killed:
    """Ends the Spark driver with SIGKILL when the demo has sent its history and not all of it has landed."""
    while "==> land in Bronze" not in output.read_text(encoding="utf-8"):
        assert running.poll() is None, output.read_text(encoding="utf-8")[-6000:]
        time.sleep(0.2)
    with connect(stack.env) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM delta.bronze.transactions")
        landed = cursor.fetchall()[0][0]
    stack.kill("bronze-writer")
    return Killed(count_messages(stack), landed)


def feed_a_little(stack: Stack) -> None:
    """Begins to send the history, and is interrupted."""
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


def count_messages(stack: Stack) -> int:
    """How many payments the broker holds."""
    consumer = Consumer({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "e2e"})
    try:
        partitions = consumer.list_topics("transactions.raw", timeout=10).topics["transactions.raw"].partitions
        marks = (consumer.get_watermark_offsets(TopicPartition("transactions.raw", p), timeout=10) for p in partitions)
        return sum(high - low for low, high in marks)
    finally:
        consumer.close()


def wait_for_messages(stack: Stack, more_than: int) -> int:
    """Waits until the broker holds more payments than that; returns how many."""
    deadline = time.monotonic() + 60
    while (count := count_messages(stack)) <= more_than:
        assert time.monotonic() < deadline, f"the producer stopped at {count} payments"
        time.sleep(0.1)
    return count


_minutes: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Adds up the time of each room's tests, set-up and tear-down included."""
    _minutes[re.sub(r"/(src|tests)/.*|/test_.*", "", report.nodeid.partition("::")[0])] += report.duration / 60


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the minutes per room."""
    terminalreporter.section("minutes per room")
    for room, minutes in sorted(_minutes.items()):
        terminalreporter.write_line(f"{minutes:6.2f}  {room}")
    terminalreporter.write_line(f"{(time.time() - _began) / 60:6.2f}  in all")


_began = time.time()
