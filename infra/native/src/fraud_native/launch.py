"""Becomes one service: what supervisor runs for each program.

``python -m fraud_native.launch SPEC`` reads the command, environment, folder and user from a JSON file that only we can
read, ends what a crashed predecessor of the same service left behind, and replaces itself by the command. It uses the
standard library only, so that a restart costs no more than a tenth of a second.
"""

import json
import os
import pwd
import signal
import sys
import time
from pathlib import Path

MARKER = "FRAUD_STACK_SERVICE"


def marked_processes(marker: str) -> list[int]:
    """Ids of the processes, ours excepted, whose environment carries ``marker`` as the stack's and service's name.

    A marker that ends in a colon stands for all services of a stack.
    """
    wanted = f"{MARKER}={marker}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            entries = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or belongs to somebody else
        if any(entry.startswith(wanted) if marker.endswith(":") else entry == wanted for entry in entries):
            found.append(int(folder.name))
    return found


def end_processes(pids: list[int], seconds: float) -> list[int]:
    """Asks processes to end, then kills those still there after ``seconds``; returns the killed ones."""
    _signal(pids, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(alive, signal.SIGKILL)
    return alive


def is_alive(pid: int) -> bool:
    """Whether a process exists and is more than a zombie that nobody has waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def main() -> None:
    """Replaces this process by the service of the JSON file named on the command line."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    end_processes(marked_processes(spec["environment"][MARKER]), seconds=5)
    if spec["user"] and os.geteuid() == 0:
        account = pwd.getpwnam(spec["user"])
        os.initgroups(spec["user"], account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.chdir(spec["directory"])
    os.execve(spec["command"][0], spec["command"], spec["environment"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
