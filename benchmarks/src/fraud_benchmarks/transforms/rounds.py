"""Figures of the rounds: what an increment took against a full refresh, and against that of the short history."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.medians import median_interval
from fraud_benchmarks.report import Ratio, Result, Target
from fraud_benchmarks.transforms.history import NOTHING_LOST, together
from fraud_benchmarks.transforms.pipeline import Build
from fraud_benchmarks.transforms.sizes import DAYS, Sizes

INCREMENT: Final = "B4"
GROWTH: Final = "B4-GROWTH"
IDS: Final = (INCREMENT, GROWTH)
UNIT: Final = "s"
REFRESH: Final = "full refresh"
TARGETS: Final = {INCREMENT: Target(0.15, at_most=True), GROWTH: Target(1.5, at_most=True)}
# less is what any statement takes
_WORTH_SECONDS: Final = 1.0
# what the target speaks of
PAIRS: Final = 2


@dataclass(frozen=True, slots=True)
class Round:
    """One hour that was added.

    Its increments and the rebuild of the long history afterwards, and the rows that were lost or doubled in each
    history; None for what was not run.
    """

    increment: Build
    refresh: Build | None = None
    small_increment: Build | None = None
    wrong: Landed = NOTHING_LOST
    small_wrong: Landed = NOTHING_LOST

    @property
    def all_wrong(self) -> Landed:
        return together(self.wrong, self.small_wrong)


def increment_result(rounds: Sequence[Round], sizes: Sizes, first: Landed) -> Result:
    """B4: each increment of the long history against the full refresh after it.

    Args:
        rounds: the measured ones.
        sizes: of the histories.
        first: rows that were lost or doubled before the first round: they void all of them.
    """
    name = f"dbt after one hour more, {DAYS} days of {sizes.rows:,} payments"
    pairs = [(each.increment, each.refresh) for each in rounds if each.refresh and each.wrong == first == NOTHING_LOST]
    return _result(INCREMENT, name, REFRESH, pairs, sizes, together(first, *(each.wrong for each in rounds)))


def growth_result(rounds: Sequence[Round], sizes: Sizes, first: Landed) -> Result:
    """B4-GROWTH: each increment of the long history against that of the short one in the same round."""
    name = f"dbt after one hour more, {sizes.rows:,} payments before it against {sizes.small_rows:,}"
    pairs = [
        (each.increment, each.small_increment)
        for each in rounds
        if each.small_increment and each.all_wrong == first == NOTHING_LOST
    ]
    wrong = together(first, *(each.all_wrong for each in rounds))
    return _result(GROWTH, name, _small(sizes), pairs, sizes, wrong)


def model_results(rounds: Sequence[Round], sizes: Sizes) -> list[Result]:
    """The same of each model that is worth it, without a target: where the time goes."""
    legs = {
        "increment": [each.increment for each in rounds],
        REFRESH: [each.refresh for each in rounds if each.refresh],
        _small(sizes): [each.small_increment for each in rounds if each.small_increment],
    }
    ours, *_ = legs.values()
    results = []
    for model in dict.fromkeys(each.name for build in ours for each in build.models):
        seconds = {name: _seconds(model, builds) for name, builds in legs.items()}
        if max(value for value in seconds.values() if value is not None) < _WORTH_SECONDS:
            continue
        peers = {name: value for name, value in seconds.items() if name != "increment" and value is not None}
        results.append(Result(f"{INCREMENT}.{model}", "of it this model", UNIT, seconds["increment"], {**peers}))
    return results


def _result(
    benchmark: str, name: str, peer: str, pairs: Sequence[tuple[Build, Build]], sizes: Sizes, wrong: Landed
) -> Result:
    ratios = [ours.seconds / theirs.seconds for ours, theirs in pairs]
    return Result(
        id=benchmark,
        name=name,
        unit=UNIT,
        ours=median(ours.seconds for ours, _ in pairs) if pairs else None,
        peers={peer: median(theirs.seconds for _, theirs in pairs) if pairs else None},
        ratios={peer: _ratio(ratios, TARGETS[benchmark], sizes)} if pairs else {},
        lost=wrong.lost,
        duplicated=wrong.duplicated,
    )


def _ratio(values: Sequence[float], target: Target, sizes: Sizes) -> Ratio:
    """Two pairs are all that the target asks for: without an interval it is judged by the worst of them.

    Smaller histories are not judged: most of their time is what every command needs to start.
    """
    interval = median_interval(values)
    met = target.is_met(interval)
    if met is None and len(values) >= PAIRS:
        met = max(values) <= target.bound
    return Ratio(interval.median, interval.low, interval.high, str(target), met if sizes.are_standard else None)


def _seconds(model: str, builds: Sequence[Build]) -> float | None:
    found = [seconds for build in builds if (seconds := build.seconds_of(model)) is not None]
    return median(found) if found else None


def _small(sizes: Sizes) -> str:
    return f"increment of {sizes.small_rows:,}"
