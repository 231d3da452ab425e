"""What ``fraud-native status`` shows: each service, where to look at it, and how much each layer holds."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

from fraud_native.bringup import answers
from fraud_native.layers import Holding
from fraud_native.process_spec import Component
from fraud_native.programs import short_version
from fraud_native.supervision import State, Supervisor

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One line of the status; ``status`` is supervisor's word, ``state`` ours, memory in bytes with all children."""

    name: str
    status: str
    state: str
    version: str
    pid: int
    restarts: int
    memory: int
    ports: tuple[int, ...]
    url: str
    user: str
    password: str


def service_statuses(
    components: Mapping[str, Component], supervisor: Supervisor, *, ask: bool = True
) -> list[ServiceStatus]:
    """The status of every service, in the order of the compose file; ``ask`` them whether they answer."""
    states = supervisor.states()
    restarts = supervisor.restarts() if states else {}

    def one(component: Component) -> ServiceStatus:
        state = states.get(component.name) or State(component.name, "STOPPED", 0, 0.0, 0)
        login = component.native.login
        return ServiceStatus(
            name=component.name,
            status=state.status,
            state=_word(component, state, ask=ask),
            version=short_version(component.version()) if not component.missing_tools() else "not installed",
            pid=state.pid,
            restarts=0 if component.service.one_shot else restarts.get(component.name, 0),
            memory=_memory(state.pid) if state.pid else 0,
            ports=tuple(component.port_numbers().values()),
            url=component.fill(login.url),
            user=component.fill(login.user),
            password=_place(login.password, component),
        )

    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(one, components.values()))


def _word(component: Component, state: State, *, ask: bool) -> str:
    if component.service.one_shot:
        if state.status == "EXITED":
            return "done" if state.is_done else f"failed ({state.exit_code})"
        return "running" if state.is_running else "not run"
    if state.status == "RUNNING":
        if not ask:
            return "running"
        return "healthy" if answers(component, state.started_at) else "no answer"
    return {"STARTING": "starting", "BACKOFF": "restarting", "STOPPING": "stopping", "FATAL": "failed"}.get(
        state.status, "stopped"
    )


def _memory(pid: int) -> int:
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(process.memory_info().rss for process in family)
    except psutil.Error:
        return 0


def _place(password: str, component: Component) -> str:
    if not password.isupper():
        return password
    return f"{password} in {os.path.relpath(component.stack.env_file)}"


def print_status(statuses: list[ServiceStatus], holdings: list[Holding], console: Console) -> None:
    """Prints two tables: the services, and what the layers hold."""
    table = Table(
        "service", "state", "version", "pid", "restarts", "MiB", "ports", "address", "user", "password", box=None
    )
    for one in statuses:
        table.add_row(
            one.name,
            one.state,
            one.version,
            str(one.pid or ""),
            str(one.restarts) if one.pid else "",
            f"{one.memory / _MEBIBYTE:.0f}" if one.memory else "",
            " ".join(map(str, one.ports)),
            one.url,
            one.user,
            one.password,
            style={"failed": "red", "no answer": "red", "restarting": "red", "stopped": "dim", "not run": "dim"}.get(
                one.state
            ),
        )
    console.print(table)
    total = sum(one.memory for one in statuses)
    console.print(f"{sum(1 for one in statuses if one.pid)} processes, {total / _MEBIBYTE / 1024:.1f} GiB of memory")
    if holdings:
        layers = Table("layer", "name", "rows", "newest event (UTC)", box=None)
        layers.columns[2].justify = "right"
        for held in holdings:
            newest = held.newest.strftime("%Y-%m-%d %H:%M:%S") if held.newest else ""
            layers.add_row(held.layer, held.name, f"{held.rows:,}", newest)
        console.print()
        console.print(layers)


def print_plain(statuses: list[ServiceStatus]) -> None:
    """Prints one line per service for programs: name, supervisor's state, version, process id, restarts, first port."""
    for one in statuses:
        print(one.name, one.status, one.version, one.pid, one.restarts, one.ports[0] if one.ports else "-")  # noqa: T201
