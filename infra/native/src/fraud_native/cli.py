"""The ``fraud-native`` command: brings the services of docker-compose.yml up, down and into view."""

import os
import sys
from typing import Annotated

import typer

from fraud_native import definition
from fraud_native.bringup import BringUpError, bring_up
from fraud_native.envfile import shell_lines
from fraud_native.interpolation import MissingVariableError
from fraud_native.native_env import native_env
from fraud_native.paths import STACKS, Stack, ToolMissingError
from fraud_native.ports import PortTakenError
from fraud_native.process_spec import Component
from fraud_native.stack_services import components_of
from fraud_native.supervision import Supervisor, SupervisorError
from fraud_native.teardown import bring_down, stop_services

_EXPECTED = (
    BringUpError,
    MissingVariableError,
    PortTakenError,
    SupervisorError,
    ToolMissingError,
    ValueError,
)
_INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Services = Annotated[list[str], typer.Argument(metavar="SERVICE…", help="names as in docker-compose.yml")]


class _Session:
    """What every command works on: the chosen stack, its services and its supervisor."""

    def __init__(self, name: str) -> None:
        self.stack = Stack(name)
        self.supervisor = Supervisor(self.stack)

    @property
    def components(self) -> dict[str, Component]:
        return components_of(self.stack)

    def known(self, names: list[str]) -> list[str]:
        definition.with_dependencies(names)
        return names


@app.callback()
def choose_stack(
    context: typer.Context,
    stack: Annotated[str, typer.Option(help="main, or test: its own data, ports and secrets")] = "main",
) -> None:
    """Runs fraud-watch without containers."""
    if stack not in STACKS:
        raise typer.BadParameter(f"there is no stack {stack!r}; choose from {', '.join(STACKS)}")
    context.obj = _Session(stack)


@app.command()
def up(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE…", help="only these, and what they need")] = None,
    phase: Annotated[list[int] | None, typer.Option(help="all services of a phase, 1 to 4; may be repeated")] = None,
    without: Annotated[list[str] | None, typer.Option(help="leave this service out; may be repeated")] = None,
) -> None:
    """Starts services in order and waits until each answers; what runs already is left alone."""
    session: _Session = context.obj
    names = list(services or [])
    if phase or not names:
        names += definition.of_phases(phase or (1, 2, 3, 4))
    names = [name for name in names if name not in session.known(list(without or []))]
    bring_up(session.components, session.supervisor, names, typer.echo)


@app.command()
def down(context: typer.Context) -> None:
    """Stops everything and makes sure that nothing is left; the data stays."""
    session: _Session = context.obj
    bring_down(session.stack, session.supervisor, typer.echo)


@app.command()
def start(context: typer.Context, services: Services) -> None:
    """Starts services, and what they need."""
    session: _Session = context.obj
    bring_up(session.components, session.supervisor, services, typer.echo)


@app.command()
def stop(context: typer.Context, services: Services) -> None:
    """Stops these services and no others."""
    session: _Session = context.obj
    stop_services(session.supervisor, session.known(services), typer.echo)


@app.command()
def restart(context: typer.Context, services: Services) -> None:
    """Stops and starts services; a one-shot is run again."""
    session: _Session = context.obj
    stop_services(session.supervisor, session.known(services), typer.echo)
    bring_up(session.components, session.supervisor, services, typer.echo, again=services)


@app.command()
def kill(context: typer.Context, service: Annotated[str, typer.Argument()]) -> None:
    """Ends a service with SIGKILL, children included; supervisor starts it again."""
    session: _Session = context.obj
    typer.echo(f"killed process {session.supervisor.kill(session.known([service])[0])}")


@app.command()
def env(context: typer.Context) -> None:
    """Prints the stack's variables as KEY='value' lines, with native addresses."""
    session: _Session = context.obj
    _ = session.components
    for line in shell_lines(native_env(session.stack)):
        typer.echo(line)


@app.command()
def api_key(context: typer.Context) -> None:
    """Prints the bearer key of the API."""
    session: _Session = context.obj
    _ = session.components
    typer.echo(native_env(session.stack)["FRAUD_SERVING_API_KEY"])


@app.command()
def logs(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE…")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option(help="how many of the last lines")] = 100,
) -> None:
    """Shows the last lines of the logs of all services, or of some."""
    session: _Session = context.obj
    names = session.known(list(services or [])) or list(definition.services())
    files = [str(file) for name in names if (file := session.stack.log_file(name)).exists()]
    if not files:
        typer.echo("nothing has been logged yet")
        return
    os.execvp("tail", ["tail", f"--lines={lines}", *(["-F"] if follow else []), *files])  # noqa: S606


def main() -> None:
    """Entry point: errors that people can act upon are printed without a traceback."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        typer.echo("interrupted: what this command had started is stopped again", err=True)
        sys.exit(_INTERRUPTED)
    except _EXPECTED as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
