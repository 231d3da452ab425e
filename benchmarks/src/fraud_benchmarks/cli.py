"""The command ``fraud-benchmarks``."""

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from fraud_benchmarks import b4_transforms
from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.catalogue import BENCHMARKS
from fraud_benchmarks.comparing import Say
from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.machine import TRANSFORM_LIBRARIES, TRANSFORM_SERVERS, machine_facts
from fraud_benchmarks.own_data import benchmark as own_data_benchmark
from fraud_benchmarks.own_data.memory import PeakMemory
from fraud_benchmarks.own_data.world import WorldSize
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result, table, write_report
from fraud_benchmarks.transforms import rounds
from fraud_benchmarks.transforms.sizes import ROWS, SMALL_ROWS, Sizes
from fraud_native.paths import ROOT
from fraud_producer.errors import ProducerError
from fraud_stream.errors import StreamError

REPORTS: Final = ROOT / "var" / "reports"
REPORT: Final = REPORTS / "bench-ingest.json"
TRANSFORMS_REPORT: Final = REPORTS / "bench-transforms.json"
OWN_DATA_REPORT: Final = REPORTS / "bench-own-data.json"
PAIRS: Final = 7
EXIT_VOID: Final = 2

_WORLD: Final = WorldSize()

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def benchmarks() -> None:
    """Ratios of our paths to what a user would pick instead, measured in the same run."""


@app.command()
def ingest(
    only: Annotated[str | None, typer.Option(help="One benchmark, or several separated by commas, such as B1.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of runs; fewer than 6 are shown but not judged.")] = PAIRS,
    report: Annotated[Path, typer.Option(help="The file of the report.")] = REPORT,
) -> None:
    """Measure ingestion against stock parts and the engines' own limits, on a stack of its own.

    A target that was missed is reported. The exit code is 2 when a run lost or duplicated an event.
    """
    known = {benchmark.id: benchmark for benchmark in BENCHMARKS}
    default = [benchmark.id for benchmark in BENCHMARKS if not benchmark.only_when_named]
    chosen: list[Benchmark] = [known[name] for name in _chosen(only, list(known), default)]
    say = _stopwatch()
    results: list[Result] = []
    with PlatformStack() as stack:
        machine = machine_facts(stack.env)
        load, cores = machine["load"]["load_1m"], machine["cores"]
        say(f"{cores} cores of {machine['cpu']}, load {load}")
        for benchmark in chosen:
            say(f"{benchmark.id}: {benchmark.name}; starting {', '.join(benchmark.services)}")
            stack.up(benchmark.services)
            results.append(benchmark.run(stack, pairs, say).under(load, cores))
            # after each, so that a failure of the next one costs nothing
            write_report(report, machine, results)
        say("stopping the stack")
    _show(results, report)


@app.command()
def transforms(
    only: Annotated[str | None, typer.Option(help="B4 or B4-GROWTH; both unless told otherwise.")] = None,
    pairs: Annotated[
        int, typer.Option(min=1, help="Hours that are added; fewer than 2 are not judged.")
    ] = rounds.PAIRS,
    rows: Annotated[int, typer.Option(help="Payments of the long history; only the default is judged.")] = ROWS,
    small_rows: Annotated[int, typer.Option(help="Payments of the short history; likewise.")] = SMALL_ROWS,
    report: Annotated[Path, typer.Option(help="The file of the report.")] = TRANSFORMS_REPORT,
) -> None:
    """Measure what an hour more costs Silver and Gold, on a stack of its own.

    Against a full refresh (B4), and against the same hour on a tenth of the history (B4-GROWTH). A target that was
    missed is reported. The exit code is 2 when a run lost or doubled a row.
    """
    chosen = _chosen(only, rounds.IDS, rounds.IDS)
    sizes = Sizes(rows, small_rows)
    say = _stopwatch()
    with PlatformStack() as stack:
        machine = machine_facts(stack.env, TRANSFORM_LIBRARIES, TRANSFORM_SERVERS)
        load, cores = machine["load"]["load_1m"], machine["cores"]
        say(f"{cores} cores of {machine['cpu']}, load {load}")
        say(f"starting {', '.join(b4_transforms.SERVICES)}")
        stack.up(b4_transforms.SERVICES)

        def keep(found: list[Result]) -> None:
            write_report(report, machine, [result.under(load, cores) for result in found])

        results = [result.under(load, cores) for result in b4_transforms.run(stack, chosen, sizes, pairs, say, keep)]
        say("stopping the stack")
    _show(results, report)


@app.command()
def own_data(
    rows: Annotated[int, typer.Option(min=1, help="Payments; only the default is judged.")] = _WORLD.payments,
    customers: Annotated[int, typer.Option(min=1, help="Customers; likewise.")] = _WORLD.customers,
    merchants: Annotated[int, typer.Option(min=1, help="Merchants; likewise.")] = _WORLD.merchants,
    days: Annotated[int, typer.Option(min=36, help="Days of history; likewise.")] = _WORLD.days,
    report: Annotated[Path, typer.Option(help="The file of the report.")] = OWN_DATA_REPORT,
) -> None:
    """Take a file of another make than the simulator's from empty Bronze to the backtest, on a stack of its own.

    How long that takes and how much memory, and how good the forest is beside the baselines. The exit code is 2 when
    a row was lost or doubled.
    """
    size = WorldSize(payments=rows, customers=customers, merchants=merchants, days=days)
    say = _stopwatch()
    with PlatformStack() as stack:
        machine = machine_facts(stack.env, TRANSFORM_LIBRARIES, TRANSFORM_SERVERS)
        load, cores = machine["load"]["load_1m"], machine["cores"]
        say(f"{cores} cores of {machine['cpu']}, load {load}")
        with PeakMemory() as memory:
            say(f"starting {', '.join(own_data_benchmark.SERVICES)}")
            stack.up(own_data_benchmark.SERVICES)
            found = own_data_benchmark.run(stack, size, memory, say)
        results = [result.under(load, cores) for result in found]
        write_report(report, machine, results)
        say("stopping the stack")
    _show(results, report)


def _stopwatch() -> Say:
    """What prints a line with the minutes and seconds since now."""
    begun = time.monotonic()

    def say(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - begun), 60)
        print(f"{minutes:3d}:{seconds:02d}  {text}", file=sys.stderr, flush=True)

    return say


def _show(results: list[Result], report: Path) -> None:
    """Print the table; what was void ends the command with its exit code."""
    Console(width=None if sys.stdout.isatty() else 180).print(table(results))
    print(f"report: {report}")
    if void := [result.id for result in results if result.is_void]:
        print(f"void: {', '.join(void)} lost or duplicated events", file=sys.stderr)
        raise typer.Exit(EXIT_VOID)


def _chosen(only: str | None, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """The ids that ``--only`` names.

    Raises:
        typer.BadParameter: there is none of that name.
    """
    if not only:
        return list(default)
    wanted = [name.strip().upper() for name in only.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"there is no {', '.join(unknown)}; choose from {', '.join(known)}", param_hint="only")
    return wanted


def main() -> None:
    """Run the command; what it cannot do ends as one sentence on standard error and exit code 1."""
    # as Ctrl-C does: the stack and all that was started on it must go, too
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except (BenchmarkError, ProducerError, StreamError) as problem:
        print(f"fraud-benchmarks: {problem}", file=sys.stderr)
        sys.exit(1)
