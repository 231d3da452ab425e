"""Becomes one service: what supervisor runs for each program.

``python -m fraud_native.launch SPEC`` reads the command, environment, folder and user from a JSON file that only we can
read, ends what a crashed predecessor of the same service left behind, and replaces itself by the command. It uses the
standard library only, so that a restart costs no more than a tenth of a second.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from fraud_native.account import as_user

MARKER = "FRAUD_STACK_SERVICE"
# positions in /proc/PID/stat after the program's name
_GROUP = 2
_START_TIME = 19


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


def record_leader(file: Path) -> None:
    """Notes who we are: programs that rename themselves overwrite their environment, and the marker with it."""
    # by renaming: whoever looks meanwhile sees no file rather than an empty one
    begun = file.with_suffix(".pid-begun")
    begun.write_text(f"{os.getpid()} {_stat(os.getpid())[_START_TIME]}", encoding="utf-8")
    begun.replace(file)


def recorded_group(file: Path) -> list[int]:
    """Ids of the processes, ours excepted, in the group of the process that :func:`record_leader` has noted."""
    if not file.exists():
        return []
    leader, started = file.read_text(encoding="utf-8").split()
    try:
        if _stat(int(leader))[_START_TIME] != started:
            return []  # its number belongs to somebody else now
    except OSError:
        pass  # it is gone, its children may not be
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                fields = _stat(int(folder.name))
                if fields[_GROUP] == leader and fields[0] != "Z":
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


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
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def main() -> None:
    """Replaces this process by the service of the JSON file named on the command line."""
    file = Path(sys.argv[1])
    spec = json.loads(file.read_text(encoding="utf-8"))
    leader = file.with_suffix(".pid")
    end_processes([*{*marked_processes(spec["environment"][MARKER]), *recorded_group(leader)}], seconds=5)
    record_leader(leader)
    command = as_user(spec["command"], spec["user"], Path(spec["data"]) / "data")
    os.chdir(spec["directory"])
    os.execve(command[0], command, spec["environment"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
