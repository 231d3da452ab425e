"""OWN: a bank's file of five columns, from empty Bronze to the backtest, and whether a model is worth it.

The file is of another make than the simulator's, and nothing of the platform knows of it: it is read, sent and landed
as ``fraud-producer replay`` and the Bronze writer do it, built by the dbt steps of ``fraud_pipeline``, and judged by
``fraud-training backtest``. The file is written and the servers are started before the clock starts.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.comparing import Say
from fraud_benchmarks.own_data.backtest import backtest
from fraud_benchmarks.own_data.file_events import FileEvents
from fraud_benchmarks.own_data.memory import PeakMemory
from fraud_benchmarks.own_data.world import WorldSize, mapping_of, write_csv
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Ratio, Result, Target
from fraud_benchmarks.transforms.history import History, history, together
from fraud_stream.lakehouse import Lakehouse

SERVICES: Final = ("kafka", "schema-registry", "minio-init", "trino", "serving-init")
MINUTES: Final = 60.0
GIBIBYTES: Final = 12.0
FOREST: Final = "forest"
FIGURES: Final = {
    "average_precision": "average precision",
    "auc": "AUC",
    "card_precision_at_100": "card precision@100 a day",
}
_END_OF_TIME_US: Final = 2**62


def run(
    stack: PlatformStack,
    size: WorldSize,
    memory: PeakMemory,
    say: Say,
    then: Callable[[History], None] = lambda _: None,
) -> list[Result]:
    """Time, memory, and what the backtest says of the forest and the baselines.

    Args:
        stack: with :data:`SERVICES` started.
        size: of the file.
        memory: what the stack has needed since before it was started.
        say: takes the lines of progress.
        then: what else to do with the history before it is removed; no figure counts it.

    Raises:
        BenchmarkError: a step fails; the message says which.
    """
    path = stack.work / "another-make.csv"
    rows = write_csv(path, size)
    say(f"{rows:,} payments of {size.customers:,} customers at {size.merchants:,} merchants in {size.days} days")
    events = FileEvents(path, mapping_of(path))
    with (
        Lakehouse(stack.env["TRINO_URL"]) as lakehouse,
        history(stack, lakehouse, "another make", events, say) as made,
    ):
        begun = time.monotonic()
        landed = made.land(_END_OF_TIME_US)
        build = made.build(full_refresh=False)
        wrong = together(landed, made.layers())
        say("backtest")
        answer = backtest(made, say)
        seconds, peak = time.monotonic() - begun, memory.bytes
        say(f"{seconds / 60:.1f} min, of them dbt {build.seconds / 60:.1f}; at most {peak / 2**30:.1f} GiB")
        then(made)
    return results(rows, size, seconds, peak, answer["summary"], wrong)


def results(
    rows: int, size: WorldSize, seconds: float, peak: int, summary: Mapping[str, Any], wrong: Landed
) -> list[Result]:
    """What was measured, with its limits; another size than the standard one is judged by none."""
    judged = size == WorldSize()
    name = f"{rows:,} payments, from empty Bronze to the backtest"
    return [
        _limited("OWN", name, "min", seconds / 60, MINUTES, wrong, judged=judged),
        _limited("OWN-MEMORY", "of it the most memory in use", "GiB", peak / 2**30, GIBIBYTES, wrong, judged=judged),
        *(
            Result(
                f"OWN.{figure}",
                f"{title}, mean of the folds",
                "",
                summary[FOREST][figure]["mean"],
                {model: figures[figure]["mean"] for model, figures in summary.items() if model != FOREST},
            )
            for figure, title in FIGURES.items()
        ),
    ]


def _limited(
    benchmark: str, name: str, unit: str, value: float, limit: float, wrong: Landed, *, judged: bool
) -> Result:
    """A figure against its limit: there is one run, and it is judged by that."""
    target = Target(1.0, at_most=True)
    met = value <= limit if judged else None
    return Result(
        benchmark,
        name,
        unit,
        value,
        {f"limit of {limit:g} {unit}": limit},
        {f"limit of {limit:g} {unit}": Ratio(value / limit, None, None, str(target), met)},
        wrong.lost,
        wrong.duplicated,
    )
