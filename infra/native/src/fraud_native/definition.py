"""Reads ``docker-compose.yml``: services, phases, dependencies, ports and environment."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from fraud_native.interpolation import interpolate_all, variables_in
from fraud_native.paths import COMPOSE_FILE

PHASES: Final = (1, 2, 3, 4, 5)
_PUBLISHED: Final = re.compile(r"^127\.0\.0\.1:\$\{(?P<variable>[A-Z0-9_]+)\}:\d+$")


class Condition(StrEnum):
    """What a dependency must have reached."""

    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class UnknownServiceError(ValueError):
    """No service of that name is defined."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """An edge of the start order; one that is not required counts only when its target runs too."""

    service: str
    condition: Condition
    required: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the compose file, with its variables not yet filled in."""

    name: str
    profiles: frozenset[str]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port_variables: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    one_shot: bool

    def variables(self) -> set[str]:
        """Names of the ``.env`` variables that command and environment refer to."""
        return variables_in([*self.command, *self.environment.values()])

    def environment_with(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The environment of a native process: a name that the stack defines itself keeps the stack's value."""
        filled = interpolate_all(dict(self.environment), variables)
        return {name: variables.get(name, value) for name, value in filled.items()}


@cache
def services(path: Path = COMPOSE_FILE) -> dict[str, Service]:
    """All services by name, in the order of the file."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: _service(name, body) for name, body in document["services"].items()}


def _service(name: str, body: Mapping[str, Any]) -> Service:
    ports = [_PUBLISHED.match(port) for port in body.get("ports", [])]
    return Service(
        name=name,
        profiles=frozenset(body["profiles"]),
        command=tuple(body.get("command", ())),
        environment={key: str(value) for key, value in body.get("environment", {}).items()},
        port_variables=tuple(port["variable"] for port in ports if port),
        dependencies=tuple(
            Dependency(target, Condition(edge["condition"]), edge.get("required", True))
            for target, edge in body.get("depends_on", {}).items()
        ),
        one_shot=body.get("restart") == "no",
    )


def of_phases(phases: Iterable[int]) -> list[str]:
    """Names of the services that any of these phases needs.

    Raises:
        UnknownServiceError: no service belongs to one of the phases.
    """
    names: set[str] = set()
    for phase in phases:
        chosen = {name for name, service in services().items() if f"phase{phase}" in service.profiles}
        if not chosen:
            raise UnknownServiceError(f"there is no phase {phase}")
        names |= chosen
    return [name for name in services() if name in names]


def with_dependencies(names: Iterable[str], known: Mapping[str, Service] | None = None) -> list[str]:
    """These services and everything they require, in the order of the file.

    Args:
        names: what is wanted.
        known: the services there are; default: those of the compose file.

    Raises:
        UnknownServiceError: a name is not defined.
    """
    known = services() if known is None else known
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        if name not in known:
            raise UnknownServiceError(f"no service is called {name!r}; there are: {', '.join(known)}")
        wanted.add(name)
        waiting += [edge.service for edge in known[name].dependencies if edge.required]
    return [name for name in known if name in wanted]


def start_order(chosen: Iterable[Service]) -> dict[str, set[str]]:
    """For each service, those among the same services that must be ready before it."""
    by_name = {service.name: service for service in chosen}
    return {
        name: {edge.service for edge in service.dependencies if edge.service in by_name}
        for name, service in by_name.items()
    }
