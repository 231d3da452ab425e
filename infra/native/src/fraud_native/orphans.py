"""Finds and ends processes of a stack that have outlived their supervisor."""

from pathlib import Path

import psutil

from fraud_native.launch import end_processes, marked_processes
from fraud_native.paths import Stack

_GRACE_SECONDS = 20.0


def processes_of(stack: Stack) -> list[int]:
    """Ids of all processes of a stack, supervisor excepted.

    They carry the stack's name in their environment. PostgreSQL overwrites its own, but keeps its data folder in its
    command line.
    """
    database = str(stack.data("postgres") / "data")
    found = set(marked_processes(f"{stack.state}:"))
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = process.info["cmdline"] or []
        if "-D" in command and database in command and Path(command[0]).name == "postgres":
            found.add(process.info["pid"])
    return sorted(found)


def end_orphans(stack: Stack) -> list[str]:
    """Ends what is left of a stack without a supervisor; returns a line about it, if there was something."""
    left = processes_of(stack)
    if not left:
        return []
    killed = end_processes(left, _GRACE_SECONDS)
    return [f"  ended {len(left)} processes that an earlier run had left behind ({len(killed)} of them by force)"]
