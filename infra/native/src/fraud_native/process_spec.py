"""Turns a service of the compose file and its native side into the process that supervisor runs."""

import json
import os
import pwd
import shutil
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from fraud_native.definition import Service
from fraud_native.interpolation import interpolate
from fraud_native.launch import MARKER
from fraud_native.paths import COMMANDS, ENVIRONMENTS, ROOT, Stack, ToolMissingError, Tools, commands_of
from fraud_native.programs import program_version
from fraud_native.services import Native
from fraud_native.tool_paths import ToolPaths

# where the repository is in our images
_IMAGE_ROOT = "/opt/fraud/"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process: what is executed, with which environment, where, and as whom (None: as ourselves).

    ``data`` is the folder that the process must be able to reach, whoever it runs as.
    """

    command: list[str]
    environment: dict[str, str]
    directory: str
    data: str
    user: str | None

    def differs_from(self, path: Path) -> bool:
        """Whether another specification, or none, was written there."""
        return not path.exists() or path.read_text(encoding="utf-8") != self._text()

    def write(self, path: Path) -> None:
        """Writes the specification for :mod:`fraud_native.launch`, mode 0600."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)


class Component:
    """A service with everything filled in for one stack."""

    def __init__(self, service: Service, native: Native, stack: Stack, variables: Mapping[str, str]) -> None:
        self.service = service
        self.native = native
        self.stack = stack
        self.name = service.name
        own = {"DATA": str(stack.data(service.name))}
        self.variables: Mapping[str, str] = _read_only(own, variables, ToolPaths(Tools(variables)))

    @property
    def spec_file(self) -> Path:
        return self.stack.run / "services" / f"{self.name}.json"

    @property
    def data(self) -> Path:
        return self.stack.data(self.name)

    @property
    def port_variables(self) -> tuple[str, ...]:
        return (*self.service.port_variables, *self.native.ports)

    @property
    def marker(self) -> str:
        return f"{self.stack.state}:{self.name}"

    def fill(self, text: str) -> str:
        """Replaces the variables of a text."""
        return interpolate(text, self.variables)

    def version(self) -> str:
        """The version that runs, asked from the program or package itself where there is one."""
        kind, _, name = self.native.version.partition(":")
        if kind == "package":
            return package_version(name)
        if kind in ENVIRONMENTS:
            return _installed_version(commands_of(kind).parent, name)
        if kind == "program":
            variable, _, file = name.partition("/")
            return program_version(str(Path(self.variables[variable], file)))
        return self.fill(self.native.version)

    def missing_tools(self) -> list[str]:
        """Sentences about the tools that are not there; empty when all are."""
        sentences = []
        for variable in self.native.tools:
            try:
                path = Path(self.variables[variable])
            except ToolMissingError as error:
                sentences.append(str(error))
                continue
            if not path.exists():
                sentences.append(f"{self.name} needs {path}, which is missing: run 'make setup'")
        return sentences

    def absence(self) -> str:
        """Why an optional service is left out where nobody asked for it by name; empty when it is not."""
        return "; ".join(self.missing_tools()) if self.native.optional else ""

    def environment(self) -> dict[str, str]:
        """The process's own variables: compose's, the native ones on top."""
        environment = self.service.environment_with(self.variables)
        environment = {name: value.replace(_IMAGE_ROOT, f"{ROOT}/") for name, value in environment.items()}
        return environment | {name: self.fill(value) for name, value in self.native.environment.items()}

    def spec(self) -> ProcessSpec:
        """The process to run.

        Raises:
            ToolMissingError: its program does not exist.
            MissingVariableError: the ``.env`` lacks a variable.
        """
        words = self.native.command or self.service.command
        command = [self.fill(word).replace(_IMAGE_ROOT, f"{ROOT}/") for word in words]
        own = [str(commands_of(tool)) for tool in ENVIRONMENTS if f"{tool.upper()}_COMMANDS" in self.native.tools]
        folders = own or [str(COMMANDS)]
        if "POSTGRES_BIN" in self.native.tools:
            folders.append(self.variables["POSTGRES_BIN"])
        path = ":".join([*folders, _SYSTEM_PATH])
        program = shutil.which(command[0], path=path)
        if program is None:
            raise ToolMissingError(f"{self.name} needs the program {command[0]}, which is missing: run 'make setup'")
        return ProcessSpec(
            command=[program, *command[1:]],
            environment={"PATH": path, **_inherited(), **self.environment(), MARKER: self.marker},
            directory="/" if self.native.user else str(self.data),
            data=str(self.data),
            user=self.native.user,
        )

    def port_numbers(self) -> dict[str, int]:
        """Each port the service opens, by the variable that sets it."""
        return {variable: int(self.variables[variable]) for variable in self.port_variables}


def _read_only(*mappings: Mapping[str, str]) -> Mapping[str, str]:
    # ChainMap asks for mutable mappings; nobody writes to this one
    chained: Any = mappings
    return ChainMap(*chained)


def _inherited() -> dict[str, str]:
    """The few variables that a process takes over from us; everything else comes from the stack."""
    account = pwd.getpwuid(os.geteuid())
    passed_on = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "JDK_JAVA_OPTIONS")
    kept = {name: os.environ[name] for name in passed_on if name in os.environ}
    return {"HOME": account.pw_dir, "USER": account.pw_name, "LANG": "C.UTF-8", "TZ": "UTC"} | kept


def _installed_version(environment: Path, package: str) -> str:
    pattern = f"lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"
    for folder in sorted(environment.glob(pattern)):
        return folder.name.removesuffix(".dist-info").rpartition("-")[2]
    return "not installed"
