"""What the user sees while the set-up runs: a line per step, a sign of life, and a summary."""

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import typer

from fraud_native.setup.outcome import Outcome, State
from fraud_native.setup.processes import last_lines
from fraud_native.setup.step import Step


class Progress:
    """Prints whole lines only, so that it reads the same on a terminal and in a CI log; safe in several threads."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._lock = Lock()

    def say(self, line: str) -> None:
        with self._lock:
            typer.echo(f"setup: {line}")

    def begin(self, step: Step) -> None:
        self._started[step.name] = time.monotonic()

    def end(self, step: Step, outcome: Outcome) -> None:
        self._started.pop(step.name, None)
        if outcome.state is State.DONE:
            size = f", {megabytes(outcome.size)}" if outcome.size else ""
            self.say(f"{step.name} {step.version} ready ({outcome.seconds:.0f} s{size})")
        elif outcome.state is State.FAILED:
            self.say(f"{step.name} {step.version} FAILED after {outcome.seconds:.0f} s: {outcome.error}")

    def heartbeat(self) -> None:
        """Says what is running and for how long."""
        now = time.monotonic()
        running = ", ".join(f"{name} {now - began:.0f} s" for name, began in list(self._started.items()))
        if running:
            self.say(f"still at it: {running}")

    def summary(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """One line per step that did something, and the whole."""
        for outcome in outcomes:
            if outcome.state in (State.DONE, State.FAILED):
                typer.echo(_row(outcome.step, outcome.state, outcome.seconds, outcome.size))
        kept = sum(outcome.state is State.KEPT for outcome in outcomes)
        size = sum(outcome.size for outcome in outcomes)
        typer.echo(f"{_row('all', '', seconds, size)}   ({kept} parts were there already)")


def failure_text(outcomes: Sequence[Outcome], logs: Path) -> str:
    """For each step that failed: what, the last lines of its log, and what to do; then what was skipped for it."""
    parts: list[str] = []
    for outcome in outcomes:
        if outcome.state is State.FAILED:
            log = logs / f"{outcome.step}.log"
            lines = "".join(f"\n    {line}" for line in last_lines(log))
            what = f"{outcome.step} failed: {outcome.error}"
            parts.append(f"{what}\n  the end of {log}:{lines}\n  what to do: {outcome.remedy}")
        elif outcome.state is State.SKIPPED:
            parts.append(f"{outcome.step} was not tried: {outcome.error}")
    return "\n".join(parts)


def _row(name: str, state: str, seconds: float, size: int) -> str:
    return f"  {name:<18}{state:<8}{seconds:>6.0f} s {megabytes(size):>9}"


def megabytes(size: int) -> str:
    """Bytes in a form for people."""
    return f"{size / 1e6:.0f} MB" if size else ""
