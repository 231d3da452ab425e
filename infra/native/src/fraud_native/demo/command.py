"""The ``demo`` command: options, Ctrl-C and failures."""

import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fraud_native.demo.options import DemoOptions
from fraud_native.launcher import Launcher

_DEFAULTS = DemoOptions()
_WIDTH = 140


def demo(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="CSV or Parquet file of payments")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="which column is which")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="delete the stack's data first")] = False,
    end: Annotated[
        str | None, typer.Option(help="last hour of the history, ISO 8601; default: the last full one")
    ] = None,
    days: Annotated[int, typer.Option(min=45, help="days of history")] = _DEFAULTS.days,
    customers: Annotated[int | None, typer.Option(min=50, help="default: CUSTOMER_POOL_SIZE")] = None,
    transactions: Annotated[int, typer.Option(min=1000)] = _DEFAULTS.transactions,
    fraud_rate: Annotated[float | None, typer.Option(min=0, max=0.5, help="default: FRAUD_RATE")] = None,
    live_seconds: Annotated[int, typer.Option(min=1)] = _DEFAULTS.live_seconds,
    live_rate: Annotated[float, typer.Option(min=0.1, help="payments per second")] = _DEFAULTS.live_rate,
    phases: Annotated[str | None, typer.Option(help="5: bring phase 5 up as well, after the first four")] = None,
) -> None:
    """Runs the whole path once, from an Avro message to a scored payment, and prints a report."""
    # its clients are many and slow to load, and every other command would pay for them
    import httpx
    import psycopg
    import trino

    from fraud_native.bringup import BringUpError
    from fraud_native.demo.airflow import DagRunError
    from fraud_native.demo.commands import CommandError
    from fraud_native.demo.report import print_report, print_where_to_look
    from fraud_native.demo.run import Demo, DemoError

    if (data is None) != (mapping is None):
        raise typer.BadParameter("a file of your own needs both --data and --mapping (make demo DATA=… MAPPING=…)")
    if phases not in (None, "5"):
        raise typer.BadParameter(
            f"PHASES={phases!r}: the demo is phases 1 to 4, and PHASES=5 brings the fifth up as well"
        )
    # tables are cut to the terminal's width; a file or a pipe has none
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
    launcher: Launcher = replace(context.obj, say=lambda line: console.print(f"  {line}", style="dim", markup=False))
    options = DemoOptions(
        data,
        mapping,
        fresh,
        _parse_end(end),
        days,
        customers,
        transactions,
        fraud_rate,
        live_seconds,
        live_rate,
        watched=phases is not None,
    )
    try:
        report = Demo(launcher, options, console).run()
    except KeyboardInterrupt:
        # a second Ctrl-C would leave half of it running
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        console.print("[bold]interrupted: stopping everything, which takes up to a minute[/bold]")
        launcher.down()
        raise typer.Exit(130) from None
    except (
        BringUpError,
        CommandError,
        DagRunError,
        DemoError,
        httpx.HTTPError,
        psycopg.Error,
        trino.exceptions.Error,
    ) as error:
        console.print("[bold red]the demo stopped[/bold red]")
        # it quotes log lines, and these may look like markup
        console.print(str(error), highlight=False, markup=False)
        console.print(
            "What runs was left running: make status, make logs SERVICE=…; make demo goes on, make down stops it."
        )
        raise typer.Exit(1) from None
    print_report(report, console)
    running = {name for name, state in launcher.supervisor.states().items() if state.is_running}
    print_where_to_look(launcher.env(), running, console)


def _parse_end(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"END={text!r} is not a time; write it as 2026-10-01T12:00:00Z") from None
    return end.astimezone(UTC) if end.tzinfo else end.replace(tzinfo=UTC)
