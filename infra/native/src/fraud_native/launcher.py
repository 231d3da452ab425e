"""Everything that can be asked of one stack: what the command line, the demo and the tests work with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fraud_native import definition
from fraud_native.bringup import BringUp, BringUpError, Ready, last_lines
from fraud_native.cleaning import remove_data
from fraud_native.component_record import read_record, update_record
from fraud_native.native_env import native_env
from fraud_native.paths import COMMANDS, Stack
from fraud_native.process_spec import Component
from fraud_native.run_lock import exclusive
from fraud_native.stack_services import components_of
from fraud_native.supervision import Supervisor
from fraud_native.teardown import bring_down, stop_services

# a service that was restarted this often while somebody waited for it will not recover
_RESTARTS_ALLOWED = 3


@dataclass
class Launcher:
    """One stack; ``say`` gets a line whenever something has happened."""

    stack: Stack
    say: Callable[[str], None] = print
    _restarts_before: dict[str, int] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        """Folder of the stack's data, logs and reports."""
        return self.stack.state

    @property
    def commands(self) -> Path:
        """Folder of the console commands of the root environment."""
        return COMMANDS

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.stack)

    @cached_property
    def services(self) -> dict[str, Component]:
        """Every service, filled in; the first use writes the stack's ``.env`` if there is none."""
        return components_of(self.stack)

    def env(self) -> dict[str, str]:
        """The stack's variables with native addresses and paths."""
        _ = self.services
        return native_env(self.stack)

    def up(self, phases: Iterable[int], without: Iterable[str] = (), services: Iterable[str] = ()) -> None:
        """Starts all services of some phases, and waits until each answers.

        Args:
            phases: an optional service of a phase is left out where it is not installed, and it is said how to get it.
            without: these services are left out.
            services: these are started besides.

        Raises:
            BringUpError: a service did not become ready.
        """
        left_out = self.known(without)
        chosen = [name for name in definition.of_phases(phases) if name not in left_out]
        absent = {name: self.services[name].absence() for name in chosen}
        self.start(*services, *[name for name in chosen if not absent[name]])
        for name, reason in absent.items():
            if reason:
                self.say(f"  {name:<22} left out: {reason}")

    def start(self, *names: str, again: Iterable[str] = ()) -> list[Ready]:
        """Starts services and what they require.

        Raises:
            BringUpError: a service did not become ready.
        """
        with exclusive(self.stack, self.say):
            ready = BringUp(self.services, self.supervisor, self.say).run(names, again)
            update_record(self.stack, ready)
        self._restarts_before = self.supervisor.restarts()
        return ready

    def stop(self, *names: str) -> None:
        """Stops these services and no others."""
        with exclusive(self.stack, self.say):
            chosen = [definition.services()[name] for name in self.known(names)]
            stop_services(self.supervisor, chosen, self.say)

    def restart(self, *names: str) -> None:
        """Stops and starts services; a one-shot is run again."""
        self.stop(*names)
        self.start(*names, again=names)

    def kill(self, name: str) -> int:
        """Ends a service with SIGKILL, children included; returns the id its process had."""
        return self.supervisor.kill(self.known([name])[0])

    def down(self) -> None:
        """Stops everything and makes sure that nothing is left."""
        with exclusive(self.stack, self.say):
            bring_down(self.stack, self.supervisor, self.say)

    def wipe(self) -> None:
        """Stops everything and deletes the stack's data; its ``.env`` and the cache of tools stay."""
        self.down()
        remove_data(self.stack)

    def components(self) -> list[dict[str, Any]]:
        """Name, version and seconds_to_healthy of the services that the last bring-ups started."""
        return read_record(self.stack)

    def watch(self) -> None:
        """Looks whether every service that should run does.

        Raises:
            BringUpError: one has failed for good, or keeps being restarted.
        """
        restarts = self.supervisor.restarts()
        for name, state in self.supervisor.states().items():
            crashes = restarts.get(name, 0) - self._restarts_before.get(name, 0)
            if state.status == "FATAL" or (crashes > _RESTARTS_ALLOWED and not self.services[name].service.one_shot):
                log = self.stack.log_file(name)
                raise BringUpError(
                    f"{name} has failed ({crashes} restarts). The last lines of {log}:\n{last_lines(log)}\n"
                    f"What to do: read the lines above, then 'make restart SERVICE={name}'"
                )

    def known(self, names: Iterable[str]) -> list[str]:
        """The same names.

        Raises:
            UnknownServiceError: one of them is not a service.
        """
        listed = list(names)
        definition.with_dependencies(listed)
        return listed
