"""The ``fraud-native`` command: brings the services of docker-compose.yml up, down and into view."""

import os
import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from fraud_native import definition
from fraud_native.bringup import BringUpError
from fraud_native.demo.command import demo
from fraud_native.doctor import findings
from fraud_native.documentation.command import docs
from fraud_native.envfile import shell_lines
from fraud_native.interpolation import MissingVariableError
from fraud_native.launcher import Launcher
from fraud_native.paths import STACKS, Stack, ToolMissingError
from fraud_native.ports import PortTakenError
from fraud_native.setup.command import setup
from fraud_native.supervision import SupervisorError

_EXPECTED = (BringUpError, MissingVariableError, PortTakenError, SupervisorError, ToolMissingError, ValueError)
# wide enough for the status table where the output is not a terminal
_WIDTH = 200

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(setup)
app.command()(demo)
app.command()(docs)
Services = Annotated[list[str], typer.Argument(metavar="SERVICE…", help="names as in docker-compose.yml")]


@app.callback()
def choose_stack(
    context: typer.Context,
    stack: Annotated[str, typer.Option(help="main, or test: its own data, ports and secrets")] = "main",
) -> None:
    """Runs fraud-watch without containers: the services of docker-compose.yml as ordinary processes."""
    if stack not in STACKS:
        raise typer.BadParameter(f"there is no stack {stack!r}; choose from {', '.join(STACKS)}")
    context.obj = Launcher(Stack(stack), typer.echo)


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH)


@app.command()
def up(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE…", help="these, and what they need")] = None,
    phase: Annotated[list[int] | None, typer.Option(help="all services of a phase, 1 to 5; may be repeated")] = None,
    without: Annotated[list[str] | None, typer.Option(help="leave this service out; may be repeated")] = None,
) -> None:
    """Starts services in order and waits until each answers; what runs already is left alone."""
    launcher: Launcher = context.obj
    # a demo that was killed could not take it away
    launcher.stack.pipeline_hold.unlink(missing_ok=True)
    launcher.up(phase or (() if services else definition.PHASES), without or (), services or ())


@app.command()
def down(context: typer.Context) -> None:
    """Stops everything and makes sure that nothing is left; the data stays."""
    launcher: Launcher = context.obj
    launcher.down()


@app.command()
def start(context: typer.Context, services: Services) -> None:
    """Starts services, and what they need."""
    launcher: Launcher = context.obj
    launcher.start(*services)


@app.command()
def stop(context: typer.Context, services: Services) -> None:
    """Stops these services and no others."""
    launcher: Launcher = context.obj
    launcher.stop(*services)


@app.command()
def restart(context: typer.Context, services: Services) -> None:
    """Stops and starts services; a one-shot is run again."""
    launcher: Launcher = context.obj
    launcher.restart(*services)


@app.command()
def kill(context: typer.Context, service: Annotated[str, typer.Argument()]) -> None:
    """Ends a service with SIGKILL, children included; supervisor starts it again."""
    launcher: Launcher = context.obj
    typer.echo(f"killed process {launcher.kill(service)}")


@app.command()
def status(
    context: typer.Context,
    plain: Annotated[bool, typer.Option(help="one line per service for programs, without the layers")] = False,
) -> None:
    """Shows every service with its address and where its password is, and what each layer holds."""
    from fraud_native.layers import holdings
    from fraud_native.scraping import print_targets, targets
    from fraud_native.status import print_plain, print_status, service_statuses

    launcher: Launcher = context.obj
    statuses = service_statuses(launcher.services, launcher.supervisor, ask=not plain)
    if plain:
        print_plain(statuses)
        return
    running = {one.name for one in statuses if one.state == "healthy"}
    print_status(statuses, holdings(launcher.env(), running), _console())
    if "prometheus" in running:
        print_targets(targets(launcher.env()["PROMETHEUS_URL"]), _console())


@app.command()
def logs(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE…")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option(help="how many of the last lines")] = 100,
) -> None:
    """Shows the last lines of the logs of all services, or of some."""
    launcher: Launcher = context.obj
    names = launcher.known(services or []) or list(definition.services())
    files = [str(file) for name in names if (file := launcher.stack.log_file(name)).exists()]
    if not files:
        typer.echo("nothing has been logged yet")
        return
    sys.stdout.flush()
    os.execvp("tail", ["tail", f"--lines={lines}", *(["-F"] if follow else []), *files])  # noqa: S606


@app.command()
def env(context: typer.Context) -> None:
    """Prints the stack's variables as KEY='value' lines, with native addresses."""
    launcher: Launcher = context.obj
    for line in shell_lines(launcher.env()):
        typer.echo(line)


@app.command()
def api_key(context: typer.Context) -> None:
    """Prints the bearer key of the API."""
    launcher: Launcher = context.obj
    typer.echo(launcher.env()["FRAUD_SERVING_API_KEY"])


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="for example: SELECT count(*) FROM bronze.transactions")],
    user: Annotated[str, typer.Option(help="Trino user: reader, dbt or trainer")] = "reader",
) -> None:
    """Asks Trino; the catalog is delta unless the query names another."""
    from trino.exceptions import Error

    from fraud_native.sql_console import print_query

    launcher: Launcher = context.obj
    try:
        print_query(query, launcher.env(), user, _console())
    except (Error, OSError) as error:
        typer.echo(f"Trino: {getattr(error, 'message', error)}", err=True)
        raise typer.Exit(1) from error


@app.command("alert-demo")
def alert_demo(context: typer.Context) -> None:
    """Writes bad messages to the payments' topic and shows the alert about them, from its beginning to its end."""
    from fraud_native.alert_demo import AlertDemoError, show

    launcher: Launcher = context.obj
    console = _console()
    try:
        with console.status("looking whether everything is there") as progress:
            show(launcher.env(), lambda line: console.print(line, markup=False, highlight=False), progress.update)
    except AlertDemoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; the messages stay in quarantine, and the alert ends five minutes after them", err=True)
        raise typer.Exit(130) from None


@app.command()
def doctor(context: typer.Context) -> None:
    """Looks for missing tools, taken ports and closed folders; starts nothing."""
    found = list(findings(context.obj))
    for sentence in found:
        typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    typer.echo("nothing stands in the way")


@app.command()
def clean(context: typer.Context, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Stops everything and deletes the stack's data; secrets and downloads stay."""
    launcher: Launcher = context.obj
    if not yes:
        typer.confirm(f"Delete all data in {launcher.var}?", abort=True)
    launcher.wipe()
    typer.echo(f"the data in {launcher.var} is deleted; secrets and downloads were kept")


def main() -> None:
    """Entry point: errors that people can act upon are printed without a traceback."""
    # asked to end, a command undoes what it has begun, as it does after Ctrl-C
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        app()
    except _EXPECTED as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
