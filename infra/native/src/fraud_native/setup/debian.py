"""Servers that come as Debian packages. They are run on our own ports and data, never as system services."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fraud_native.setup.outcome import StepError
from fraud_native.setup.processes import output_of
from fraud_native.setup.step import Work
from fraud_native.setup.versions import at_least, first_version

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
# Debian's convention: 101 forbids the action, here the start of a service by its package's scripts
_FORBID: Final = "#!/bin/sh\nexit 101\n"

REMEDY: Final = "look at the messages above, or install the package by hand, then run 'make setup' again"


def privileged() -> list[str] | None:
    """What goes before a command that root has to run; None when there is no way to become root."""
    if os.geteuid() == 0:
        return []
    return ["sudo", "--non-interactive"] if shutil.which("sudo") else None


def ask_for_password() -> None:
    """Lets sudo ask now, while the terminal is free: the steps themselves run in the background."""
    if privileged():
        subprocess.run(["sudo", "--validate"], check=False)


class Packages:
    """Installs Debian packages; the package lists are fetched once, and only when something is missing."""

    def __init__(self) -> None:
        self._updated = False
        self._lock = threading.Lock()

    def install(self, package: str, program: Path, version: str, services: Sequence[str]) -> Callable[[Work], None]:
        """An action that installs a package unless its program is there, and checks the program's version.

        Args:
            program: the file that shows that it is installed.
            version: the lowest that will do.
            services: system services that the package would start at the next boot, on the ports that ours use.
        """

        def action(work: Work) -> None:
            if not program.exists():
                with self._lock:
                    self._install(package, services, work)
            if not program.exists():
                raise StepError(f"the package {package} brought no {program}")
            printed = output_of(program, "--version")
            try:
                new_enough = at_least(first_version(printed), version)
            except ValueError as error:
                raise StepError(f"{program} --version does not answer: {error}") from error
            if not new_enough:
                raise StepError(f"{program} is {printed}, but {version} is needed", f"upgrade the package {package}")

        return action

    def _install(self, package: str, services: Sequence[str], work: Work) -> None:
        root = privileged()
        if shutil.which("apt-get") is None:
            raise StepError(f"{package} is missing and there is no apt-get", "install it with your package manager")
        if root is None:
            raise StepError(f"{package} is missing, and only root may install it", f"run: apt-get install {package}")
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
        wait = ["--option", "DPkg::Lock::Timeout=300"]
        if not self._updated:
            # ends what an interrupted installation left half done; otherwise it does nothing
            work.processes.run([*root, *quiet, "dpkg", "--configure", "-a"], work.log, must_finish=True)
            work.processes.run([*root, "apt-get", "update", *wait], work.log)
            self._updated = True
        with _no_service_starts(root, work):
            install = ["apt-get", "install", "--yes", "--no-install-recommends", *wait, package]
            work.processes.run([*root, *quiet, *install], work.log, must_finish=True)
        if shutil.which("systemctl"):
            for service in services:
                work.processes.run([*root, "systemctl", "disable", service], work.log, must_finish=True)


@contextmanager
def _no_service_starts(root: Sequence[str], work: Work) -> Iterator[None]:
    """Forbids package scripts to start services; a policy that the machine has already stays."""
    if _POLICY.exists():
        yield
        return
    draft = work.log.with_name("policy-rc.d")
    draft.write_text(_FORBID, encoding="utf-8")
    work.processes.run([*root, "install", "-m", "755", draft, _POLICY], work.log)
    try:
        yield
    finally:
        # runs after an interruption as well, so it does not go through the processes that were told to stop
        subprocess.run([*root, "rm", "-f", str(_POLICY)], check=False)
        draft.unlink()
