"""Runs the programs that install things, keeps what they say, and can end them all."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fraud_native.setup.outcome import InterruptedStepError, StepError

_TAIL_LINES: Final = 15
_GRACE_SECONDS: Final = 5.0


class Processes:
    """The running child processes of all steps; safe to use from several threads."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._spared: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        *,
        must_finish: bool = False,
    ) -> None:
        """Runs a program to its end; what it prints goes to the end of the log.

        Args:
            must_finish: `stop` lets it come to its end (a package manager would leave the machine half configured).

        Raises:
            StepError: it exited with another code than 0.
            InterruptedStepError: it was ended by `stop`.
        """
        with log.open("ab") as output:
            output.write(f"$ {' '.join(map(str, command))}\n".encode())
            output.flush()
            with self._lock:
                if self._stopped:
                    raise InterruptedStepError
                process = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    cwd=folder,
                    # a Ctrl-C reaches only us: we decide what may be ended at once and what must not
                    process_group=0,
                )
                (self._spared if must_finish else self._running).add(process)
        try:
            code = process.wait()
        finally:
            with self._lock:
                self._running.discard(process)
                self._spared.discard(process)
        if self._stopped:
            raise InterruptedStepError
        if code != 0:
            raise StepError(f"{Path(command[0]).name} exited with code {code}")

    def stop(self) -> None:
        """Ends every running program with its children, and lets no further one start."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
            spared = list(self._spared)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
        for process in spared:
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # it has just ended, or it is sudo, which ends together with what it runs
        return


def output_of(*command: str | Path) -> str:
    """What a quick program prints to either stream; empty when it cannot be started.

    For asking a program its version: the exit code does not matter.
    """
    try:
        found = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"{found.stdout}\n{found.stderr}".strip()


def last_lines(log: Path) -> list[str]:
    """The end of a log, without empty lines."""
    if not log.exists():
        return []
    with log.open(encoding="utf-8", errors="replace") as file:
        return list(deque((line.rstrip() for line in file if line.strip()), maxlen=_TAIL_LINES))
