"""Stopping, pausing and finding processes of the test stack, by what they listen on or who started them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def listener(address: str) -> int:
    """Process id of whoever listens on ``host:port``."""
    port = int(address.rpartition(":")[2])
    found = {link.pid for link in psutil.net_connections("tcp") if link.status == "LISTEN" and link.laddr.port == port}
    (pid,) = found
    assert pid is not None
    return pid


def family(pid: int) -> list[int]:
    """A process and everything that it started."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    """Processes that neither run nor end meanwhile: their peers see open connections that do not answer."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal was sent to a process that stands still and will get it."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(fields["ShdPnd"], 16) & 1 << number - 1)
