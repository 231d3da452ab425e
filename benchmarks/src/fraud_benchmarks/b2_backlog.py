"""B2: clearing a backlog from Kafka into Delta with all checks, quarantine, dead letters and idempotent writes.

Measured against a bare Spark append in the same session: the same driver, Spark and Delta settings, topic, offsets per
batch, trigger, table properties, partitioning and number of files. A rate is all rows of the topic over the time from
the start of the first micro-batch to the end of the last, as Spark's own progress gives them: the start of the JVM, of
the query and the creation of the table are not in it. What each way does is said in
:mod:`fraud_benchmarks.bronze.drains`.

Shown beside, so that it can be seen where the time goes: our decoding with all safety off, the same with the checks on,
and ours itself over as many rows of which none is bad. From one to the next come judging every row, the rest of what
safety does to a batch, and, with bad rows, setting them aside.
"""

from dataclasses import replace
from statistics import median
from typing import Final

from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.bronze.bench import ROWS, SERVICES, UNIT, bench
from fraud_benchmarks.comparing import Comparison, Leg, Say, shown_beside
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result, Target

BARE: Final = "bare Spark append"
ALL_OFF: Final = "all safety off"
CHECKS_ONLY: Final = "only the checks on"
CLEAN: Final = "Bronze writer, not one bad row"
CONSUMER: Final = "consumer that decodes nothing"
TARGETS: Final = {BARE: Target(0.80)}
WARM_UPS: Final = 1
# of what no target judges
BESIDE_RUNS: Final = 3
LARGE_ROWS: Final = 2_000_000


def run(stack: PlatformStack, pairs: int, say: Say) -> Result:
    """Clear the backlog by both ways in turn."""
    with bench(stack, ROWS) as runs:
        ours, bare = Leg("Bronze writer", runs.safe), Leg(BARE, runs.bare)
        runs.warm_up([ours, bare], WARM_UPS, say)
        comparison = Comparison(BENCHMARK.id, BENCHMARK.name, UNIT, ours, [bare], TARGETS)
        result = comparison.run(pairs, say)
        times = min(pairs, BESIDE_RUNS)
        off, checked = Leg(ALL_OFF, runs.unsafe), Leg(CHECKS_ONLY, runs.checked_only)
        runs.warm_up([off, checked], WARM_UPS, say)
        result = shown_beside(result, [off, checked], times, say)
        with runs.over(stack, ROWS, bad=0) as clean:
            result = shown_beside(result, [Leg(CLEAN, clean.safe)], times, say)
        rates = [ROWS / runs.backlog.drain() for _ in range(pairs)]
    say(f"B2 {CONSUMER}  {median(rates):,.0f} {UNIT}")
    return replace(result, peers={**result.peers, CONSUMER: median(rates)})


def run_large(stack: PlatformStack, _pairs: int, say: Say) -> Result:
    """Clear 2,000,000 rows once, with a JVM that has just been started."""
    with bench(stack, LARGE_ROWS) as runs:
        say(f"B2-LARGE: {LARGE_ROWS:,} rows on {runs.backlog.topic.name}")
        found = runs.safe()
    say(f"B2-LARGE: {found.value:,.0f} {UNIT}")
    value = None if found.is_void else found.value
    return Result(LARGE.id, LARGE.name, UNIT, value, lost=found.lost, duplicated=found.duplicated)


BENCHMARK: Final = Benchmark("B2", f"clearing a backlog of {ROWS:,} rows into Delta", SERVICES, run)
LARGE: Final = Benchmark(
    "B2-LARGE", f"clearing a backlog of {LARGE_ROWS:,} rows into Delta, once", SERVICES, run_large, only_when_named=True
)
