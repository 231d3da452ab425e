"""The report that all benchmarks share: its shape, its file and how it looks on a terminal.

``{machine: {...}, benchmarks: [{id, name, unit, ours, peers: {name: value}, ratios: {name: {median, low, high, target,
met}}, lost, duplicated, load_1m, not_judged}]}``. ``ours`` and ``peers`` are medians in ``unit``, null where every run
was void; ``ratios`` are ours / peer, a ``target`` is a text such as ``>= 2.5``. Too few pairs have no interval, and
``met`` is null; what is measured once by its definition has none either, and is judged. ``load_1m`` is the load before
the run that measured this entry: above half the cores ``met`` is null throughout and ``not_judged`` says ``load 3.46``.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from rich.table import Table

from fraud_benchmarks.medians import Interval

# runnable processes for each core: with more, what is measured shares its cores with somebody else
LOAD_PER_CORE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio must be: at least the bound, or at most."""

    bound: float
    at_most: bool = False

    def is_met(self, interval: Interval) -> bool | None:
        """Whether the whole interval is on the right side; None without an interval."""
        if interval.low is None or interval.high is None:
            return None
        return interval.high <= self.bound if self.at_most else interval.low >= self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours / peer: the median of paired ratios, its 95 % interval, the target and whether the interval meets it."""

    median: float
    low: float | None
    high: float | None
    target: str
    met: bool | None

    @classmethod
    def of(cls, interval: Interval, target: Target) -> Self:
        return cls(interval.median, interval.low, interval.high, str(target), target.is_met(interval))


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found."""

    id: str
    name: str
    unit: str
    ours: float | None
    peers: dict[str, float | None] = field(default_factory=dict)
    ratios: dict[str, Ratio] = field(default_factory=dict)
    lost: int = 0
    duplicated: int = 0
    load_1m: float | None = None
    not_judged: str | None = None

    def under(self, load_1m: float, cores: int) -> Self:
        """The same as found on a machine with this load at the beginning: too much of it, and no target is judged."""
        if load_1m <= LOAD_PER_CORE * cores:
            return replace(self, load_1m=load_1m)
        unjudged = {name: replace(ratio, met=None) for name, ratio in self.ratios.items()}
        return replace(self, ratios=unjudged, load_1m=load_1m, not_judged=f"load {load_1m:g}")

    @property
    def is_void(self) -> bool:
        """Whether a run lost or duplicated an event."""
        return bool(self.lost or self.duplicated)


def write_report(path: Path, machine: dict[str, Any], results: Iterable[Result]) -> None:
    """Write the report; results of other benchmarks that it holds already stay if they are of this machine and tree.

    Machines are told apart by everything but their load, trees by their commit. A tree with changes that no commit
    holds, or of no known commit, is like no other.
    """
    fresh = {result.id: asdict(result) for result in results}
    kept = {entry["id"]: entry for entry in _earlier(path, machine)}
    entries = [(kept | fresh)[name] for name in sorted(kept.keys() | fresh.keys())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "benchmarks": entries}, indent=2) + "\n", encoding="utf-8")


def table(results: Sequence[Result]) -> Table:
    """A row for each peer of each benchmark."""
    shown = Table("", "what", "unit", "ours", "peer", "its value", "ours / peer", "95 % interval", "target", "met")
    for result in results:
        void = f"\nVOID: {result.lost} lost, {result.duplicated} duplicated" if result.is_void else ""
        first = (result.id, result.name + void, result.unit, _figure(result.ours))
        for name, value in result.peers.items() or [("", None)]:
            ratio = result.ratios.get(name)
            shown.add_row(*first, name, _figure(value) if name else "", *_ratio_cells(ratio, result.not_judged))
            first = ("", "", "", "")
        shown.add_section()
    return shown


def _ratio_cells(ratio: Ratio | None, not_judged: str | None) -> tuple[str, ...]:
    if ratio is None:
        return ("", "", "", "")
    interval = "" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"
    unjudged = f"not judged: {not_judged}" if not_judged else "not judged"
    met = {True: "yes", False: "NO", None: unjudged}[ratio.met]
    return (f"{ratio.median:.2f}", interval, ratio.target, met)


def _figure(value: float | None) -> str:
    if value is None:
        return "void"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _earlier(path: Path, machine: dict[str, Any]) -> list[dict[str, Any]]:
    if not path.exists() or machine["dirty"] or machine["commit"] is None:
        return []
    held = json.loads(path.read_text(encoding="utf-8"))
    return held["benchmarks"] if _without_load(held["machine"]) == _without_load(machine) else []


def _without_load(machine: dict[str, Any]) -> dict[str, Any]:
    # as JSON reads it back
    return {name: value for name, value in json.loads(json.dumps(machine)).items() if name != "load"}
