"""Runs in turn: ours and a peer, one after the other, in alternating order, as ratios of pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from fraud_benchmarks.medians import median_interval
from fraud_benchmarks.report import Ratio, Result, Target

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run measured, and what it did with the events: any lost or duplicated one makes it void."""

    value: float
    lost: int = 0
    duplicated: int = 0

    @property
    def is_void(self) -> bool:
        return bool(self.lost or self.duplicated)


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to do the work; every call of ``run`` is a run from the beginning, on a topic or table of its own."""

    name: str
    run: Callable[[], Run]


@dataclass(slots=True)
class _Tally:
    """The figures of all runs so far."""

    ours: list[float] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    lost: int = 0
    duplicated: int = 0

    def count(self, run: Run) -> None:
        self.lost += run.lost
        self.duplicated += run.duplicated


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: our leg with each peer, and by which target their ratio (ours / peer) is judged.

    A peer without a target is shown beside. ``unit`` is that of a run's value.
    """

    benchmark_id: str
    name: str
    unit: str
    ours: Leg
    peers: Sequence[Leg]
    targets: Mapping[str, Target]

    def run(self, pairs: int, say: Say) -> Result:
        """Run ours and each peer ``pairs`` times in turn; ``say`` takes a line about every run.

        Which of a pair goes first alternates, so that what warms up or slows down with time favours neither. A pair
        with a void run enters no ratio.
        """
        tally = _Tally()
        for number in range(pairs):
            for peer in self.peers:
                self._pair(number, pairs, peer, tally, say)
        ratios = {
            name: Ratio.of(median_interval(values), self.targets[name])
            for name, values in tally.ratios.items()
            if name in self.targets
        }
        return Result(
            id=self.benchmark_id,
            name=self.name,
            unit=self.unit,
            ours=median(tally.ours) if tally.ours else None,
            peers={peer.name: median(found) if (found := tally.peers.get(peer.name)) else None for peer in self.peers},
            ratios=ratios,
            lost=tally.lost,
            duplicated=tally.duplicated,
        )

    def _pair(self, number: int, pairs: int, peer: Leg, tally: _Tally, say: Say) -> None:
        done: dict[str, Run] = {}
        for leg in (self.ours, peer) if number % 2 == 0 else (peer, self.ours):
            run = leg.run()
            tally.count(run)
            line = f"{self.benchmark_id} pair {number + 1}/{pairs}  {leg.name:<36} {run.value:>12,.2f} {self.unit}"
            say(line + _void(run))
            done[leg.name] = run
        ours, theirs = done[self.ours.name], done[peer.name]
        if not ours.is_void:
            tally.ours.append(ours.value)
        if not theirs.is_void:
            tally.peers.setdefault(peer.name, []).append(theirs.value)
        if not (ours.is_void or theirs.is_void):
            tally.ratios.setdefault(peer.name, []).append(ours.value / theirs.value)


def shown_beside(result: Result, legs: Sequence[Leg], times: int, say: Say) -> Result:
    """The result with the medians of further legs as peers that no target judges; a void run counts as one of its own.

    They take no turns with ours: their ratios would have no pairs.
    """
    for leg in legs:
        runs = []
        for number in range(times):
            run = leg.run()
            runs.append(run)
            say(
                f"{result.id} beside {number + 1}/{times}  {leg.name:<36} {run.value:>12,.2f} {result.unit}{_void(run)}"
            )
        values = [run.value for run in runs if not run.is_void]
        result = replace(
            result,
            peers={**result.peers, leg.name: median(values) if values else None},
            lost=result.lost + sum(run.lost for run in runs),
            duplicated=result.duplicated + sum(run.duplicated for run in runs),
        )
    return result


def _void(run: Run) -> str:
    return f"  VOID: {run.lost} lost, {run.duplicated} duplicated" if run.is_void else ""
