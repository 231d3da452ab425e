"""Finds and ends processes of a stack that have outlived their supervisor."""

import psutil

from fraud_native.launch import end_processes, marked_processes, recorded_group
from fraud_native.paths import Stack

_GRACE_SECONDS = 20.0


def processes_of(stack: Stack) -> list[int]:
    """Ids of a stack's processes but supervisor: by their environment, their process group or their parent."""
    found = set(marked_processes(f"{stack.state}:"))
    for file in (stack.run / "services").glob("*.pid"):
        found.update(recorded_group(file))
    for pid in list(found):
        try:
            found.update(child.pid for child in psutil.Process(pid).children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    return sorted(found)


def end_orphans(stack: Stack) -> list[str]:
    """Ends what is left of a stack without a supervisor; returns a line about it, if there was something."""
    left = processes_of(stack)
    if not left:
        return []
    killed = end_processes(left, _GRACE_SECONDS)
    return [f"  ended {len(left)} processes that an earlier run had left behind ({len(killed)} of them by force)"]
