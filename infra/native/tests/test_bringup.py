"""Bring-up and teardown with a real supervisor and small services of our own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fraud_native.bringup import BringUp, BringUpError, Ready
from fraud_native.definition import Condition, Dependency, Service
from fraud_native.launch import is_alive
from fraud_native.orphans import end_orphans, processes_of
from fraud_native.paths import Stack
from fraud_native.ports import PortTakenError, holder_of
from fraud_native.probes import Tcp
from fraud_native.process_spec import Component
from fraud_native.services import Native
from fraud_native.supervision import Supervisor
from fraud_native.teardown import stop_services

SERVER = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('listening', flush=True); {then}"
STAY = "time.sleep(600)"
STAY_AWAY = f"import time; {STAY}"


class Sandbox(Stack):
    """A stack whose state is in a temporary folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class House:
    """Services described in a line each, run by a supervisor of their own."""

    def __init__(self, folder: Path) -> None:
        self.stack = Sandbox("test")
        object.__setattr__(self.stack, "folder", folder)
        self.components: dict[str, Component] = {}
        self.supervisor = Supervisor(self.stack)
        self.said: list[str] = []

    def add(self, name: str, *needs: str, script: str | None = None, one_shot: bool = False) -> int:
        port = free_port()
        script = (SERVER.replace("{then}", STAY) if script is None else script).replace("{port}", str(port))
        command = (sys.executable, "-c", script)
        edges = tuple(
            Dependency(need.rstrip("?"), self._condition(need.rstrip("?")), required=not need.endswith("?"))
            for need in needs
        )
        service = Service(name, frozenset(), command, {}, () if one_shot else ("PORT",), edges, one_shot)
        native = Native(version="1.0", probe=None if one_shot else Tcp("PORT"), ready_seconds=20, stop_seconds=3)
        self.components[name] = Component(service, native, self.stack, {"PORT": str(port)})
        return port

    def _condition(self, name: str) -> Condition:
        return Condition.COMPLETED if self.components[name].service.one_shot else Condition.HEALTHY

    def up(self, *names: str) -> list[Ready]:
        return BringUp(self.components, self.supervisor, self.said.append).run(names)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.supervisor.shutdown()
    end_orphans(house.stack)


def test_services_start_after_what_they_need_and_a_second_time_nothing_happens(house: House) -> None:
    house.add("database")
    house.add("schema", "database", script="print('made')", one_shot=True)
    house.add("api", "schema")
    house.add("unused")

    first = house.up("api")
    assert [ready.name for ready in first] == ["database", "schema", "api"]
    assert not any(ready.already for ready in first)
    assert "  database               1.0          healthy after" in house.said[0]
    pid = house.supervisor.state("api").pid

    second = house.up("api")
    assert all(ready.already for ready in second)
    assert house.supervisor.state("api").pid == pid
    assert house.supervisor.state("unused").status == "STOPPED"


def test_a_service_that_cannot_start_stops_the_bring_up_with_its_name_its_last_words_and_a_remedy(house: House) -> None:
    house.add("database")
    house.add("broken", "database", script="import sys; sys.exit('the configuration is wrong')")
    house.add("api", "broken")

    with pytest.raises(BringUpError) as caught:
        house.up("api")
    message = str(caught.value)
    assert message.startswith("broken ends by itself")
    assert "the configuration is wrong" in message
    assert "What to do" in message
    assert not house.supervisor.state("broken").is_running
    assert house.supervisor.state("api").status == "STOPPED"
    assert house.supervisor.state("database").status == "RUNNING", "what is up stays up"


def test_a_failed_one_shot_is_run_again_and_its_dependants_wait_for_it(house: House, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    house.add(
        "schema", script=f"import pathlib, sys; sys.exit(not pathlib.Path({str(flag)!r}).exists())", one_shot=True
    )
    house.add("api", "schema")
    with pytest.raises(BringUpError, match="schema exited with code 1"):
        house.up("api")
    flag.touch()
    assert [ready.name for ready in house.up("api")] == ["schema", "api"]


def test_a_one_shot_runs_again_when_something_it_could_use_starts_later(house: House) -> None:
    house.add("writer")
    house.add("tables", "writer?", script="print('made')", one_shot=True)
    house.up("tables")
    assert house.supervisor.state("writer").status == "STOPPED"
    assert [(ready.name, ready.already) for ready in house.up("writer")] == [("writer", False), ("tables", False)]


def test_a_killed_service_is_started_again_and_the_restart_is_counted(house: House) -> None:
    house.add("database")
    house.up("database")
    before = house.supervisor.kill("database")
    deadline = time.monotonic() + 10
    while (now := house.supervisor.state("database").pid) in (0, before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert now not in (0, before)
    house.up("database")
    assert house.supervisor.restarts()["database"] == 1


def test_an_answer_from_somebody_elses_process_does_not_count(house: House) -> None:
    port = house.add("api", script=STAY_AWAY)
    thief = f"import socket, time; time.sleep(2); s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", thief]) as process:
        with pytest.raises(BringUpError, match=rf"api cannot be reached: port {port} .* process {process.pid}"):
            house.up("api")
        process.kill()
    assert not house.supervisor.state("api").is_running


def test_a_changed_definition_restarts_the_service_and_only_that_one(house: House) -> None:
    house.add("database")
    house.add("api", "database")
    house.up("api")
    database, api = (house.supervisor.state(name).pid for name in ("database", "api"))

    changed = house.components["api"]
    service = changed.service
    command = (*service.command[:2], service.command[2] + " # changed")
    house.components["api"] = Component(
        Service(service.name, service.profiles, command, {}, service.port_variables, service.dependencies, False),
        changed.native,
        house.stack,
        {"PORT": changed.variables["PORT"]},
    )
    house.up("api")
    assert house.supervisor.state("database").pid == database
    assert house.supervisor.state("api").pid != api


def test_a_changed_definition_is_not_forgotten_when_another_service_keeps_the_start_from_happening(
    house: House,
) -> None:
    house.add("database")
    house.up("database")
    pid = house.supervisor.state("database").pid
    house.components.pop("database")
    house.add("database", script=SERVER.replace("{then}", STAY) + "\n# changed")
    taken = house.add("api", "database")
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(PortTakenError):
        house.up("api")
    assert house.supervisor.state("database").pid == pid
    house.up("api")
    assert house.supervisor.state("database").pid != pid


def test_services_stop_before_what_they_need(house: House) -> None:
    house.add("database")
    house.add("schema", "database", script="print('made')", one_shot=True)
    house.add("api", "schema")
    house.up("api")
    house.said.clear()
    stop_services(house.supervisor, [one.service for one in house.components.values()], house.said.append)
    assert [line.split()[0] for line in house.said] == ["api", "database"]
    assert processes_of(house.stack) == []


def test_processes_that_outlived_their_supervisor_are_ended_by_the_next_start(house: House) -> None:
    port = house.add("database")
    house.up("database")
    orphan = house.supervisor.state("database").pid
    supervisor = house.supervisor.pid
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    while is_alive(supervisor):
        time.sleep(0.05)
    assert is_alive(orphan)
    house.up("database")
    assert not is_alive(orphan)
    assert str(house.supervisor.state("database").pid) in holder_of(port)
    assert any("left behind" in line for line in house.said)


def test_ctrl_c_stops_what_was_started(house: House, tmp_path: Path) -> None:
    house.add("database")
    house.add("slow", "database", script="import time; time.sleep(600)")
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        while house.supervisor.states().get("slow") is None or not house.supervisor.state("slow").is_running:
            time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        house.up("slow")
    assert processes_of(house.stack) == []
    assert not house.supervisor.is_alive()


def test_children_of_a_service_end_with_it(house: House) -> None:
    child = "import subprocess, sys; subprocess.Popen(['sleep', '600']); "
    house.add("parent", script=child + SERVER.replace("{then}", STAY))
    house.up("parent")
    (sleeping,) = psutil.Process(house.supervisor.state("parent").pid).children()
    assert sleeping.cmdline() == ["sleep", "600"]
    house.supervisor.stop_process("parent")
    end_orphans(house.stack)
    assert not is_alive(sleeping.pid)


def test_the_supervisor_of_a_deep_folder_has_a_socket_that_the_system_accepts(tmp_path: Path) -> None:
    house = House(tmp_path / ("deep" * 30))
    house.add("database")
    try:
        house.up("database")
    finally:
        house.supervisor.shutdown()
    assert not house.supervisor.socket_file.exists()
