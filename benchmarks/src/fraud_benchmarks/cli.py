"""The command ``fraud-benchmarks``."""

import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.catalogue import BENCHMARKS
from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.machine import machine_facts
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result, table, write_report
from fraud_native.paths import ROOT

REPORT: Final = ROOT / "var" / "reports" / "bench-ingest.json"
PAIRS: Final = 7
EXIT_VOID: Final = 2

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
    chosen = _chosen(only)
    begun = time.monotonic()

    def say(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - begun), 60)
        print(f"{minutes:3d}:{seconds:02d}  {text}", file=sys.stderr, flush=True)

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
    Console(width=None if sys.stdout.isatty() else 180).print(table(results))
    print(f"report: {report}")
    if void := [result.id for result in results if result.is_void]:
        print(f"void: {', '.join(void)} lost or duplicated events", file=sys.stderr)
        raise typer.Exit(EXIT_VOID)


def _chosen(only: str | None) -> list[Benchmark]:
    if not only:
        return [benchmark for benchmark in BENCHMARKS if not benchmark.only_when_named]
    wanted = [name.strip().upper() for name in only.split(",")]
    known = {benchmark.id: benchmark for benchmark in BENCHMARKS}
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"there is no {', '.join(unknown)}; choose from {', '.join(known)}", param_hint="only")
    return [known[name] for name in wanted]


def main() -> None:
    """Run the command; what it cannot do ends as one sentence on standard error and exit code 1."""
    # as Ctrl-C does: the stack and all that was started on it must go, too
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except BenchmarkError as problem:
        print(f"fraud-benchmarks: {problem}", file=sys.stderr)
        sys.exit(1)
