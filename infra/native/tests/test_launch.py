import os
import subprocess
import sys
import time
from pathlib import Path

from fraud_native.launch import MARKER, end_processes, is_alive, marked_processes, recorded_group
from fraud_native.process_spec import ProcessSpec


def sleeper(marker: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "60"], env={MARKER: marker})
    while not marked_processes(marker):
        time.sleep(0.01)
    return process


def write_spec(file: Path, command: list[str], environment: dict[str, str]) -> None:
    folder = str(file.parent)
    spec = ProcessSpec(command, environment, directory=folder, data=folder, user=None)
    spec.write(file)


def test_processes_are_found_by_service_and_by_stack_but_not_those_of_another(tmp_path: Path) -> None:
    first, second = sleeper(f"{tmp_path}:one"), sleeper(f"{tmp_path}:two")
    other = sleeper(f"{tmp_path}/test:one")
    try:
        assert marked_processes(f"{tmp_path}:one") == [first.pid]
        assert set(marked_processes(f"{tmp_path}:")) == {first.pid, second.pid}
    finally:
        for process in (first, second, other):
            process.kill()
            process.wait()


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end_processes([process.pid], seconds=0.3) == [process.pid]
        assert process.wait() < 0


def test_a_restart_ends_what_a_crashed_predecessor_has_left(tmp_path: Path) -> None:
    marker = f"{tmp_path}:service"
    left = sleeper(marker)
    spec = tmp_path / "spec.json"
    command = [sys.executable, "-c", "import os; print(os.getcwd(), os.environ['A'])"]
    write_spec(spec, command, {MARKER: marker, "A": "1"})
    done = subprocess.run(
        [sys.executable, "-m", "fraud_native.launch", str(spec)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path), "1"]
    assert left.wait(timeout=5) < 0
    assert not is_alive(left.pid)
    assert is_alive(os.getpid())


def test_a_service_that_renames_itself_is_found_by_its_group(tmp_path: Path) -> None:
    """What overwrites its environment also loses the marker: here the child that stays behind never had it."""
    spec = tmp_path / "service.json"
    command = ["/bin/sh", "-c", "env -i sleep 60 & exec env -i sleep 60"]
    write_spec(spec, command, {MARKER: f"{tmp_path}:x"})
    with subprocess.Popen([sys.executable, "-m", "fraud_native.launch", str(spec)], start_new_session=True) as process:
        group = spec.with_suffix(".pid")
        while len(recorded_group(group)) < 2 or marked_processes(f"{tmp_path}:x"):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        (left,) = recorded_group(group)
        assert end_processes([left], seconds=5) == []
        assert recorded_group(group) == []
