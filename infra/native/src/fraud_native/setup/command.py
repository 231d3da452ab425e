"""The command ``fraud-native setup``."""

from typing import Annotated

import typer

from fraud_native.definition import UnknownServiceError
from fraud_native.setup.outcome import SetupError
from fraud_native.setup.run import run


def setup(
    phase: Annotated[
        list[int] | None, typer.Option(help="install only what this phase needs; may be repeated", show_default="all")
    ] = None,
    tests: Annotated[
        bool, typer.Option("--tests", help="also what only the project's own tests need: a browser")
    ] = False,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="also what only the tests of faults need: a proxy that breaks connections")
    ] = False,
) -> None:
    """Install and cache what is missing: servers, jars, Airflow, Superset, Debian packages (repeatable)."""
    try:
        run(phase or (), tests=tests, chaos=chaos)
    except SetupError as error:
        typer.echo(f"\n{error}", err=True)
        raise typer.Exit(1) from error
    except UnknownServiceError as error:
        typer.echo(f"setup: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error
