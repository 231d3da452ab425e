"""The two Java versions that the services need: they are checked, not installed."""

import re
from pathlib import Path

from fraud_native.paths import ToolMissingError, Tools
from fraud_native.setup.outcome import StepError
from fraud_native.setup.processes import output_of
from fraud_native.setup.step import Work
from fraud_native.setup.versions import java_major

REMEDY_17 = "install it (on Debian: apt-get install openjdk-17-jdk-headless)"
REMEDY_25 = "it comes with the root environment: run 'rm -r .venv' and 'make setup' again"


def check_java17(work: Work) -> None:
    """Makes sure that there is a JDK 17 that runs: Kafka, Spark and the metastore need it, later ones break Hadoop.

    Raises:
        StepError: there is none.
    """
    try:
        home = Tools(work.versions).java17
    except ToolMissingError as error:
        raise StepError(str(error), REMEDY_17) from error
    _check(home, 17, REMEDY_17)


def check_java25(work: Work) -> None:
    """Makes sure that the JDK in the root environment runs: Trino and the schema registry need it.

    Raises:
        StepError: it does not.
    """
    _check(Tools(work.versions).java25, 25, REMEDY_25)


def _check(home: Path, wanted: int, remedy: str) -> None:
    printed = output_of(home / "bin" / "java", "-version")
    if not re.search("version", printed):
        raise StepError(f"{home}/bin/java does not run: {printed[:200] or 'no output'}", remedy)
    if (found := java_major(printed)) != wanted:
        raise StepError(f"{home} is Java {found}, Java {wanted} is needed", remedy)
