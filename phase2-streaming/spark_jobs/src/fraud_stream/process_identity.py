"""Which process is this, and is that one still alive? Answered only where it can be answered surely."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


def machine() -> str:
    """Identity of the running kernel and of our view of process ids: two containers never share it."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process id with its start time, so that a reused id is not mistaken for the old process."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Identity of a running process of this machine.

        Raises:
            ProcessLookupError: there is no such process.
        """
        state = _stat(pid)
        if state is None:
            raise ProcessLookupError(pid)
        return cls(pid, state[1])

    @classmethod
    def own(cls) -> Self:
        return cls.of(os.getpid())

    def is_alive(self) -> bool:
        """Whether exactly this process still runs; call it only on the machine the identity comes from."""
        state = _stat(self.pid)
        return state is not None and state[0] not in "ZX" and state[1] == self.start_ticks


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process."""
    try:
        # the command name in parentheses may hold anything, so fields are counted from behind it
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])
