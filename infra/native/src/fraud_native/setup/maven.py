"""Java libraries and servers, fetched by Maven with strict checksums."""

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from fraud_native.paths import cache
from fraud_native.setup.outcome import StepError
from fraud_native.setup.processes import output_of
from fraud_native.setup.stamps import move_into_place, remove_tree
from fraud_native.setup.step import Work
from fraud_native.setup.versions import at_least, first_version

_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_OPTIONS: Final = ("--batch-mode", "--strict-checksums", "--no-transfer-progress", "--quiet")
_MINIMUM: Final = "3.6"
_JAR: Final = re.compile(r"^(?P<artifact>.+?)-\d")

CHECK_REMEDY: Final = "install it (on Debian: apt-get install maven)"
REMEDY: Final = (
    "check that Maven reaches its repositories (proxies and mirrors belong into ~/.m2/settings.xml), "
    "then run 'make setup' again: what has arrived is kept"
)


def check_maven(_work: Work) -> None:
    """Makes sure that there is a Maven that is new enough.

    Raises:
        StepError: there is none.
    """
    if shutil.which("mvn") is None:
        raise StepError("Maven (mvn) is not on PATH", CHECK_REMEDY)
    printed = output_of("mvn", "--batch-mode", "--version")
    found = re.search(r"Apache Maven (\S+)", printed)
    if found is None:
        raise StepError(f"mvn --version fails: {printed.splitlines()[0] if printed else 'no output'}", CHECK_REMEDY)
    if not at_least(first_version(found[1]), _MINIMUM):
        raise StepError(f"Maven {found[1]} is too old, {_MINIMUM} is needed", CHECK_REMEDY)


def dependencies_of(pom: Path, target: Path, prune: Callable[[Path], None] | None = None) -> Callable[[Work], None]:
    """An action that fills a folder with the runtime dependencies of a pom.

    Args:
        prune: removes from the folder what is not wanted.
    """

    def action(work: Work) -> None:
        fresh = _fresh(target)
        _run(
            work,
            [
                "--file",
                pom,
                f"{_PLUGIN}:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={fresh}",
                # every version is a property of the same name in the poms
                *(f"-D{name}={value}" for name, value in work.versions.items() if name.endswith("_VERSION")),
            ],
        )
        if prune:
            prune(fresh)
        move_into_place(fresh, target)

    return action


def archive(
    coordinates: str, target: Path, *, strip: int, prune: Callable[[Path], None] | None = None
) -> Callable[[Work], None]:
    """An action that fetches a tar.gz by its Maven coordinates and unpacks it into a folder.

    Args:
        coordinates: ``group:artifact:version:tar.gz[:classifier]``.
        strip: leading folders to drop from every path in the archive.
        prune: removes from the unpacked folder what is not wanted.
    """

    def action(work: Work) -> None:
        fresh = _fresh(target)
        packed = fresh.with_name(f"{target.name}.download.tmp")
        remove_tree(packed)
        _run(work, [f"{_PLUGIN}:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={packed}"])
        archives = list(packed.iterdir())
        if len(archives) != 1:
            raise StepError(f"Maven fetched {len(archives)} files for {coordinates}, not one")
        fresh.mkdir(parents=True)
        work.processes.run(
            ["tar", "--extract", "--gzip", f"--strip-components={strip}", "--file", archives[0], "--directory", fresh],
            work.log,
        )
        remove_tree(packed)
        if prune:
            prune(fresh)
        move_into_place(fresh, target)

    return action


def jar(coordinates: str, target: Path) -> Callable[[Work], None]:
    """An action that fetches one jar by its Maven coordinates, without what it depends on, into a folder of its own.

    Args:
        coordinates: ``group:artifact:version``.
        target: the jar, named as Maven names it.
    """

    def action(work: Work) -> None:
        fresh = _fresh(target.parent)
        _run(work, [f"{_PLUGIN}:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={fresh}"])
        move_into_place(fresh, target.parent)

    return action


def _fresh(target: Path) -> Path:
    fresh = target.with_name(f"{target.name}.tmp")
    remove_tree(fresh)
    return fresh


def _run(work: Work, arguments: Sequence[str | Path]) -> None:
    # Maven ends at the first broken connection and remembers what it did not find: the second run asks again (-U) for
    # what has not arrived. It starts in a folder without a pom, or it would take that for its project.
    folder = cache()
    try:
        work.processes.run(["mvn", *_OPTIONS, *arguments], work.log, folder=folder)
    except StepError:
        work.processes.run(["mvn", *_OPTIONS, "--update-snapshots", *arguments], work.log, folder=folder)


def artifact_name(jar: str) -> str:
    """The artifact in a jar's file name: ``netty-handler-4.1.118.Final.jar`` is netty-handler."""
    match = _JAR.match(jar)
    return match["artifact"] if match else jar.removesuffix(".jar")


def jars_to_drop(jars: Iterable[str], shipped: Iterable[str], aws_sdk_version: str) -> list[str]:
    """Those of our jars whose artifact is among the shipped jars: two versions on one class path do not mix.

    Args:
        jars: file names of our jars.
        shipped: file names of the jars that are there anyway; nothing of the AWS SDK is among them, but an artifact
            of another group that has the name of one of its modules ("annotations").
    """
    theirs = {artifact_name(name) for name in shipped}
    return [name for name in jars if artifact_name(name) in theirs and not name.endswith(f"-{aws_sdk_version}.jar")]


def drop_jars_of(package_jars: Path, aws_sdk_version: str) -> Callable[[Path], None]:
    """A prune that deletes the jars whose artifact another folder ships already.

    Raises:
        StepError: that folder holds no jars.
    """

    def prune(fresh: Path) -> None:
        shipped = [jar.name for jar in package_jars.glob("*.jar")]
        if not shipped:
            raise StepError(f"there are no jars in {package_jars}", "run infra/native/bootstrap.sh first")
        for name in jars_to_drop([jar.name for jar in fresh.glob("*.jar")], shipped, aws_sdk_version):
            (fresh / name).unlink()

    return prune


def keep_plugins(*names: str) -> Callable[[Path], None]:
    """A prune for Trino: of 60 plugins only these stay; hard links keep what they share with others."""

    def prune(fresh: Path) -> None:
        for plugin in (fresh / "plugin").iterdir():
            if plugin.name not in names:
                remove_tree(plugin)
        if missing := [name for name in names if not (fresh / "plugin" / name).is_dir()]:
            raise StepError(f"this Trino has no plugin {', '.join(missing)}")

    return prune
