"""Environments beside the root one, exactly as their locks say: of the tools whose pins exclude the root's."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from fraud_native.setup.processes import output_of
from fraud_native.setup.step import Lane, Step, Work

REMEDY: Final = (
    "check that the Python package index is reachable, then run 'make setup' again: what has arrived is kept"
)
# uv's bytecode compiler is Python itself, which must be allowed to write bytecode
_ENVIRONMENT: Final = {"PYTHONDONTWRITEBYTECODE": ""}


def environment_step(name: str, version: str, services: Iterable[str], project: Path, uv: Path) -> Step:
    """The step that makes ``<project>/.venv`` from ``<project>/requirements.lock``.

    Args:
        name: also the name of the program that shows that it is there.
    """
    environment = project / ".venv"
    return Step(
        name=name,
        version=version,
        lane=Lane.PYTHON,
        services=frozenset(services),
        outputs=(environment, environment / "bin" / name),
        inputs=(project / "requirements.lock",),
        facts={"python": sys.version.split()[0], "folder": str(project)},
        stamp_file=environment / ".stamp",
        action=install_environment(uv, Path(sys.executable), project),
        remedy=REMEDY,
    )


def install_environment(uv: Path, base_python: Path, project: Path) -> Callable[[Work], None]:
    """An action that makes ``<project>/.venv`` from ``<project>/requirements.lock``.

    Args:
        base_python: an interpreter of the version that the environment gets.
    """

    def action(work: Work) -> None:
        environment = project / ".venv"
        # its presence means that a run was interrupted, so that a package may be there in part
        incomplete = environment / ".incomplete"
        python = environment / "bin" / "python"
        if incomplete.exists() or not output_of(python, "--version").startswith("Python 3"):
            work.processes.run([uv, "venv", "--clear", "--python", base_python, environment], work.log)
        incomplete.touch()
        lock = project / "requirements.lock"
        sync: list[str | Path] = [uv, "pip", "sync", "--python", python, "--require-hashes", "--compile-bytecode", lock]
        work.processes.run(sync, work.log, _ENVIRONMENT)
        incomplete.unlink()

    return action
