"""Starts services in the order of their dependencies and waits until each answers."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import psutil

from fraud_native import definition
from fraud_native.orphans import end_orphans
from fraud_native.ports import check_ports, foreign_holders
from fraud_native.prepare import PrepareError, Setting
from fraud_native.process_spec import Component
from fraud_native.programs import short_version
from fraud_native.supervision import Supervisor

_POLL_SECONDS: Final = 0.2
_STILL_WAITING_SECONDS: Final = 20
# a service that dies this often before it first answers will not get better
_STARTS_ALLOWED: Final = 2
_TAIL_LINES: Final = 25


class BringUpError(RuntimeError):
    """A service did not become ready; the message names it, shows its last words and says what to do."""


class CancelledError(RuntimeError):
    """The bring-up was interrupted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One service that answers (or one-shot that has run): ``seconds`` since its start was begun."""

    name: str
    version: str
    seconds: float
    already: bool
    one_shot: bool


class BringUp:
    """One bring-up of some services of a stack; ``say`` gets a line whenever there is something to tell."""

    def __init__(self, components: dict[str, Component], supervisor: Supervisor, say: Callable[[str], None]) -> None:
        self._all = components
        self._supervisor = supervisor
        self._say = say
        self._cancelled = threading.Event()
        self._started: list[str] = []
        self._began_supervisor = False

    def run(self, names: Iterable[str], again: Iterable[str] = ()) -> list[Ready]:
        """Starts these services and all they require; those that run already are left alone.

        Args:
            names: what is wanted.
            again: services that are started anew even if they run, or have run, already.

        Raises:
            BringUpError: a tool, port or folder is not as it must be, or a service does not become ready.
            KeyboardInterrupt: after what was started has been stopped again.
        """
        chosen = self._with_dependencies(names)
        self._check_tools(chosen)
        self._began_supervisor = not self._supervisor.is_alive()
        if self._began_supervisor:
            for line in end_orphans(next(iter(self._all.values())).stack):
                self._say(line)
        self._supervisor.start(list(self._all.values()))
        changed = {name for name in chosen if self._has_changed(name)} | set(again)
        chosen = self._with_affected_one_shots(chosen, changed)
        starting = [name for name in chosen if self._must_start(name, changed)]
        check_ports([self._all[name] for name in starting if not self._supervisor.state(name).is_running])
        return self._bring_up(chosen, set(starting))

    def _bring_up(self, chosen: list[str], starting: set[str]) -> list[Ready]:
        order = TopologicalSorter(definition.start_order(self._all[name].service for name in chosen))
        order.prepare()
        ready: list[Ready] = []
        with ThreadPoolExecutor(max_workers=8) as pool:
            running: dict[Future[Ready], str] = {}
            try:
                while order.is_active():
                    for name in order.get_ready():
                        running[pool.submit(self._bring, name, name in starting)] = name
                    done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                    for future in done:
                        order.done(running.pop(future))
                        ready.append(future.result())
                        self._tell(ready[-1])
            except BaseException as error:
                self._cancelled.set()
                wait(running)
                if isinstance(error, KeyboardInterrupt):
                    self._undo()
                raise
        return ready

    def _bring(self, name: str, start: bool) -> Ready:
        component = self._all[name]
        began = time.monotonic()
        try:
            if start:
                self._start(component)
            if component.service.one_shot:
                self._wait_for_end(component)
            else:
                self._wait_for_answer(component)
        except PrepareError as error:
            raise BringUpError(f"{name} could not be prepared: {error}") from error
        return Ready(name, component.version(), time.monotonic() - began, not start, component.service.one_shot)

    def _start(self, component: Component) -> None:
        component.data.mkdir(parents=True, exist_ok=True)
        self._supervisor.stop_process(component.name)
        spec = component.spec()
        # not before: a start that fails or is interrupted earlier must find the change again
        spec.write(component.spec_file)
        if component.native.prepare:
            component.native.prepare(
                Setting(component.data, component.variables, spec.environment, component.native.user)
            )
        if self._cancelled.is_set():
            raise CancelledError(component.name)
        self._started.append(component.name)
        self._supervisor.start_process(component.name)

    def _wait_for_end(self, component: Component) -> None:
        for _ in self._attempts(component):
            state = self._supervisor.state(component.name)
            if state.is_done:
                return
            if not state.is_running:
                raise self._failure(component, f"exited with code {state.exit_code}")

    def _wait_for_answer(self, component: Component) -> None:
        pids = set()
        for _ in self._attempts(component):
            state = self._supervisor.state(component.name)
            if state.pid:
                pids.add(state.pid)
            if not state.is_running or len(pids) > _STARTS_ALLOWED:
                self._supervisor.stop_process(component.name)
                raise self._failure(component, "ends by itself")
            if state.status == "RUNNING" and answers(component, state.started_at):
                # an answer proves nothing when it is another process that gives it
                with contextlib.suppress(psutil.NoSuchProcess):
                    if foreign := foreign_holders(component, state.pid):
                        self._supervisor.stop_process(component.name)
                        raise BringUpError(f"{component.name} cannot be reached: " + "; ".join(foreign))
                    return

    def _attempts(self, component: Component) -> Iterable[None]:
        began = time.monotonic()
        told = began
        while (now := time.monotonic()) - began < component.native.ready_seconds:
            if self._cancelled.is_set():
                raise CancelledError(component.name)
            yield
            if now - told > _STILL_WAITING_SECONDS:
                told = now
                self._say(f"  {component.name:<22} still starting after {now - began:.0f} s")
            time.sleep(_POLL_SECONDS)
        raise self._failure(component, f"does not answer after {component.native.ready_seconds} s")

    def _failure(self, component: Component, what: str) -> BringUpError:
        log = component.stack.log_file(component.name)
        stack = "" if component.stack.name == "main" else f" --stack {component.stack.name}"
        return BringUpError(
            f"{component.name} {what}. The last lines of {log}:\n{last_lines(log)}\n"
            f"What to do: read the lines above, then 'fraud-native{stack} restart {component.name}', or run the same "
            f"command again: what is up stays up."
        )

    def _undo(self) -> None:
        self._say("  interrupted: stopping what was started")
        for name in reversed(self._started):
            self._supervisor.stop_process(name)
        if self._began_supervisor:
            self._supervisor.shutdown()

    def _check_tools(self, names: Iterable[str]) -> None:
        if missing := [sentence for name in names for sentence in self._all[name].missing_tools()]:
            raise BringUpError("\n".join(dict.fromkeys(missing)))

    def _has_changed(self, name: str) -> bool:
        return self._all[name].spec().differs_from(self._all[name].spec_file)

    def _must_start(self, name: str, changed: set[str]) -> bool:
        state = self._supervisor.state(name)
        if name in changed:
            return True
        return not (state.is_done if self._all[name].service.one_shot else state.is_running)

    def _with_affected_one_shots(self, chosen: list[str], changed: set[str]) -> list[str]:
        """Adds one-shots that have run before but could use a service that only starts now (optional dependencies)."""
        states = self._supervisor.states()
        starting = {name for name in chosen if self._must_start(name, changed)}
        again = {
            name
            for name, component in self._all.items()
            if component.service.one_shot
            and states[name].is_done
            and any(edge.service in starting and not edge.required for edge in component.service.dependencies)
        }
        for name in again:
            changed.add(name)
        return self._with_dependencies([*chosen, *again])

    def _with_dependencies(self, names: Iterable[str]) -> list[str]:
        return definition.with_dependencies(names, {name: one.service for name, one in self._all.items()})

    def _tell(self, ready: Ready) -> None:
        word = "done" if ready.one_shot else "healthy"
        when = "already" if ready.already else f"after {ready.seconds:.1f} s"
        self._say(f"  {ready.name:<22} {short_version(ready.version):<12} {word} {when}")


def answers(component: Component, started_at: float) -> bool:
    """Whether a service answers its probe; ``started_at`` is when its process began, in seconds since the epoch."""
    probe = component.native.probe
    if probe is None:
        return True
    try:
        return probe.ready(component.variables, started_at)
    except Exception:
        return False


def last_lines(file: Path, count: int = _TAIL_LINES) -> str:
    """The last lines of a log file."""
    if not file.exists():
        return "(it has written nothing)"
    with file.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 64 * 1024))
        return "\n".join(stream.read().decode("utf-8", errors="replace").splitlines()[-count:])
