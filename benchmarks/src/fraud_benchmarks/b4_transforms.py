"""B4: what an hour more costs Silver and Gold, against a full refresh and against the same hour on a short history.

The histories come from the simulator through Kafka and the Bronze writer, and dbt runs the steps of ``fraud_pipeline``
on them: the seconds of a build are those of its commands together, as the pipeline waits for them. The Bronze writer
does not run meanwhile. Each round adds an hour to both histories, runs their increments in alternating order, and then
rebuilds: what a rebuild holds is what the increment before it must have made, in every table, by count and checksum.
The first full refresh makes the tables, warms Trino up and counts nowhere.
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Final

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.comparing import Say
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result
from fraud_benchmarks.transforms.history import NOTHING_LOST, History, history, together
from fraud_benchmarks.transforms.pipeline import Build
from fraud_benchmarks.transforms.rounds import GROWTH, INCREMENT, Round, growth_result, increment_result, model_results
from fraud_benchmarks.transforms.sizes import END_US, HOUR_US, Sizes
from fraud_benchmarks.transforms.timeline import NOBODYS_CARDS, Timeline
from fraud_producer.simulator import SimulationConfig
from fraud_stream.lakehouse import Lakehouse

SERVICES: Final = ("kafka", "schema-registry", "minio-init", "trino", "serving-init")


def run(
    stack: PlatformStack,
    chosen: Collection[str],
    sizes: Sizes,
    pairs: int,
    say: Say,
    report: Callable[[list[Result]], None],
) -> list[Result]:
    """Measure B4, B4-GROWTH or both, ``pairs`` rounds; ``report`` takes the results after each round.

    Raises:
        BenchmarkError: a model cannot be built, or Bronze does not go on.
    """
    results: list[Result] = []
    with ExitStack() as made:
        lakehouse = made.enter_context(Lakehouse(stack.env["TRINO_URL"]))

        def begun(rows: int, world: SimulationConfig) -> History:
            return made.enter_context(history(stack, lakehouse, f"{rows:,}", Timeline(world, NOBODYS_CARDS), say))

        small = begun(sizes.small_rows, sizes.short()) if GROWTH in chosen else None
        large = begun(sizes.rows, sizes.long())
        first = together(*(_first_build(each) for each in (small, large) if each))
        rounds: list[Round] = []
        for number in range(pairs):
            say(f"round {number + 1}/{pairs}")
            rebuilds = INCREMENT in chosen or number + 1 == pairs
            rounds.append(_round(number, small, large, rebuilds=rebuilds))
            results = [
                *([increment_result(rounds, sizes, first)] if INCREMENT in chosen else []),
                *([growth_result(rounds, sizes, first)] if GROWTH in chosen else []),
                *model_results(rounds, sizes),
            ]
            report(results)
    return results


def _first_build(each: History) -> Landed:
    landed = each.land(END_US)
    each.build(full_refresh=True)
    return together(landed, each.layers())


def _round(number: int, small: History | None, large: History, *, rebuilds: bool) -> Round:
    both = [each for each in (small, large) if each]
    wrong = {each.name: each.land(END_US + (number + 1) * HOUR_US) for each in both}
    builds = {each.name: each.build(full_refresh=False) for each in (both if number % 2 == 0 else reversed(both))}
    refresh: Build | None = None
    for each in both:
        wrong[each.name] = together(wrong[each.name], each.layers())
        if rebuilds:
            made = each.lake.contents()
            refresh = each.build(full_refresh=True)
            wrong[each.name] = together(wrong[each.name], each.compared(made))
    return Round(
        increment=builds[large.name],
        # the long one is the last of both
        refresh=refresh,
        small_increment=builds[small.name] if small else None,
        wrong=wrong[large.name],
        small_wrong=wrong[small.name] if small else NOTHING_LOST,
    )
