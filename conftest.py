"""The test stack: real components, started by the project's own launcher under var/test on ports of their own."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
COMMANDS = ROOT / ".venv" / "bin"
# A shell that starts us in the background lets us ignore Ctrl-C, and tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The test stack lives for minutes: the optimising compiler would cost its servers more than it gives them.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


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


def _failure(command: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    return f"{shlex.join(command)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The test stack; it is stopped at the end unless it ran before the session began."""
    handle = Stack()
    yield handle
    if not handle.was_running:
        handle.launcher("down")


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
