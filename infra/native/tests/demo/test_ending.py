"""How the demo ends before its end: by Ctrl-C, and by a component that fails; on a platform of two small services."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fraud_native.bringup import BringUpError
from fraud_native.definition import Service
from fraud_native.demo import commands
from fraud_native.demo.command import demo
from fraud_native.envfile import ensure_env_file
from fraud_native.launch import is_alive
from fraud_native.launcher import Launcher
from fraud_native.orphans import processes_of
from fraud_native.paths import Stack
from fraud_native.probes import Tcp
from fraud_native.process_spec import Component
from fraud_native.services import Native

# listens until a file says that it cannot any more
SERVER = """
import pathlib, socket, sys, time
if pathlib.Path({full!r}).exists():
    sys.exit("no space left on device")
listener = socket.create_server(("127.0.0.1", {port}))
time.sleep(600)
"""


class Sandbox(Stack):
    """A stack whose state is in a temporary folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder


@dataclass
class Platform(Launcher):
    """A launcher of two small services; the demo's first command writes its process id and stays."""

    small: dict[str, Component] = field(default_factory=dict)

    @property
    def services(self) -> dict[str, Component]:  # type: ignore[override]
        return self.small

    @property
    def commands(self) -> Path:
        return self.stack.state

    def up(self, phases: object, without: object = (), services: object = ()) -> None:  # noqa: ARG002
        self.start(*self.small)

    def fill_the_disk(self, name: str) -> None:
        """From now on a service ends as often as it is started."""
        (self.stack.state / f"{name}-full").touch()
        self.kill(name)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    stack = Sandbox("test")
    object.__setattr__(stack, "folder", tmp_path)
    ensure_env_file(stack)
    platform = Platform(stack, lambda _: None)
    for name in ("kafka", "minio"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        script = SERVER.format(full=str(tmp_path / f"{name}-full"), port=port)
        service = Service(name, frozenset(), (sys.executable, "-c", script), {}, ("PORT",), (), False)
        native = Native(version="1.0", probe=Tcp("PORT"), ready_seconds=20, stop_seconds=3)
        platform.small[name] = Component(service, native, stack, {"PORT": str(port)})
    command = tmp_path / "fraud-producer"
    command.write_text(f"#!/bin/bash\necho $$ > {tmp_path}/pid\nexec sleep 60 > /dev/null 2>&1\n", encoding="utf-8")
    command.chmod(0o700)
    yield platform
    platform.down()


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command ends with its process and restores nothing; this process goes on."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def demo_until(platform: Platform, happens: Callable[[], None]) -> tuple[int, str]:
    """Runs the command; while its first command runs, something happens. Returns exit code and what it printed."""

    def when_it_runs() -> None:
        wait_until((platform.stack.state / "pid").exists)
        time.sleep(0.5)
        happens()

    app = typer.Typer()
    app.command()(demo)
    meanwhile = threading.Thread(target=when_it_runs)
    meanwhile.start()
    done = CliRunner().invoke(app, [], obj=platform)
    meanwhile.join()
    assert not is_alive(int((platform.stack.state / "pid").read_text())), "the command is still there"
    assert not platform.stack.pipeline_hold.exists()
    return done.exit_code, done.output


def test_ctrl_c_is_answered_and_leaves_nothing_running(platform: Platform) -> None:
    main = threading.get_ident()
    code, said = demo_until(platform, lambda: signal.pthread_kill(main, signal.SIGINT))
    assert code == 130
    assert "interrupted: stopping everything" in said
    assert {("kafka", "stopped"), ("minio", "stopped")} <= {tuple(line.split()) for line in said.splitlines()}
    assert processes_of(platform.stack) == []
    assert not platform.supervisor.is_alive()
    # a second Ctrl-C would have left half of it
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_component_that_fails_stops_the_demo_by_name_with_its_last_words_and_a_remedy(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_WATCH_SECONDS", 0.3)
    code, said = demo_until(platform, lambda: platform.fill_the_disk("kafka"))
    assert code == 1
    assert "the demo stopped" in said
    assert "kafka has failed" in said
    assert "no space left on device" in said
    assert "What to do: read the lines above, then 'make restart SERVICE=kafka'" in said
    assert "minio has failed" not in said
    # as it says
    assert "What runs was left running" in said
    assert platform.supervisor.state("minio").status == "RUNNING"


def test_a_service_that_comes_back_is_no_failure_and_one_that_does_not_is(platform: Platform) -> None:
    platform.up([1])
    platform.watch()
    before = platform.kill("minio")
    wait_until(lambda: platform.supervisor.state("minio").pid not in (0, before))
    assert platform.supervisor.restarts()["minio"] == 1
    platform.watch()
    platform.fill_the_disk("minio")
    wait_until(lambda: platform.supervisor.restarts()["minio"] > 3)
    with pytest.raises(BringUpError, match=r"^minio has failed \(\d restarts\)"):
        platform.watch()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
