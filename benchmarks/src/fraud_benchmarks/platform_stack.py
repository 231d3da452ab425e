"""The servers that are measured against: the project's test stack, started by its own launcher, on its own ports."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import psutil

from fraud_benchmarks.errors import BenchmarkError
from fraud_native.paths import COMMANDS, ROOT


class PlatformStack:
    """The test stack for the length of a ``with`` block.

    ``env`` is the environment that its commands run with. ``work`` is a folder for files of the benchmarks.

    Raises:
        BenchmarkError: on entering, the stack is running already: whoever started it would share it.
    """

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self.work = ROOT / "var" / "test" / "benchmarks"

    def __enter__(self) -> Self:
        if "RUNNING" in self._launcher("status", "--plain", check=False):
            raise BenchmarkError(
                "the test stack is running: stop it with `.venv/bin/fraud-native --stack test down` and try again"
            )
        pairs = (shlex.split(line)[0].partition("=") for line in self._launcher("env").splitlines() if line)
        self.env = {name: value for name, _, value in pairs}
        self.work.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._launcher("down")

    @property
    def command_env(self) -> dict[str, str]:
        """This process's environment with the stack's on top, for commands of the project."""
        return {**os.environ, **self.env}

    def up(self, services: Sequence[str]) -> None:
        """Start services and what they need, and wait until each answers; what runs already is left alone."""
        self._launcher("up", *services)

    def pin(self, port_variable: str, core: int) -> None:
        """Keep the server that listens on a port, and all threads that it will start, on one core.

        Raises:
            BenchmarkError: nothing listens there.
        """
        port = int(self.env[port_variable])
        listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
        process = next((each.pid for each in listening if each.laddr and each.laddr.port == port), None)
        if process is None:
            raise BenchmarkError(f"nothing listens on port {port} ({port_variable})")
        for thread in psutil.Process(process).threads():
            os.sched_setaffinity(thread.id, {core})

    def _launcher(self, *arguments: str, check: bool = True) -> str:
        command = [str(COMMANDS / "fraud-native"), "--stack", "test", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise BenchmarkError(f"{shlex.join(command)} exited with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout
