"""Bins of a distribution as it was, and how far another sample has moved away from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 10
# Below so many on either side chance alone moves the index. It is distributed as (1/n + 1/m) times a chi-square with
# bins - 1 degrees of freedom (Yurdakul, "Statistical Properties of Population Stability Index", 2018): 500 payments
# against very many, in 11 bins, exceed 0.06 once in a thousand times.
LEAST_SAMPLES = 500
# a count that a bin gets where only one of the two samples has none, so that the logarithm exists
_HALF = 0.5

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reference:
    """A sample cut into bins: the missing value, then ``(-inf, edges[0]], (edges[0], edges[1]] … (edges[-1], inf)``."""

    missing: float | None
    """The number that stands for a value that is not known; None where there is none."""
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """One more than the edges, and before them that of the missing value."""

    @property
    def samples(self) -> int:
        return sum(self.counts)

    def count(self, values: NDArray[np.floating]) -> Ints:
        """How many of some values lie in each bin, shape (len(edges) + 2,)."""
        return _counts(values, self.missing, self.edges)

    def as_dict(self) -> dict[str, Any]:
        return {"missing": self.missing, "edges": list(self.edges), "counts": list(self.counts)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Reference":
        """The inverse of :meth:`as_dict`."""
        return cls(stored["missing"], tuple(stored["edges"]), tuple(stored["counts"]))


def reference_of(values: NDArray[np.floating], missing: float | None = None) -> Reference:
    """Cut a sample into tenths of its known values; whatever makes up a tenth on its own has a bin to itself.

    Most features are counts and flags with one value that most payments have. Between tenths alone, a flag that was
    always 0 and is now 1 would have stayed in its only bin.

    Args:
        values: finite, shape (n,).
        missing: the number that stands for a value that is not known.
    """
    known = values if missing is None else values[values != missing]
    cuts = np.empty(0, dtype=values.dtype)
    if known.size:
        distinct, counts = np.unique(known, return_counts=True)
        heavy = distinct[counts * PARTS >= known.size]
        # the distinct values at which a tenth, two tenths … are reached; all lie at or below the largest
        reached = np.searchsorted(np.cumsum(counts) * PARTS, np.arange(1, PARTS) * known.size)
        below = np.nextafter(heavy, np.array(-np.inf, dtype=values.dtype))
        cuts = np.unique(np.concatenate((distinct[reached], heavy, below)))
    edges = tuple(float(cut) for cut in cuts)
    return Reference(missing, edges, tuple(_counts(values, missing, edges).tolist()))


def _counts(values: NDArray[np.floating], missing: float | None, edges: Sequence[float]) -> Ints:
    absent = np.zeros(values.shape, dtype=np.bool_) if missing is None else values == missing
    bins = np.searchsorted(np.asarray(edges, dtype=np.float64), values[~absent].astype(np.float64), side="left")
    inner = np.bincount(bins, minlength=len(edges) + 1)
    return np.concatenate(([int(absent.sum())], inner)).astype(np.int64)


def population_stability_index(expected: Sequence[int], actual: Sequence[int]) -> float:
    """How far one sample's shares lie from another's: ``sum((a - e) * ln(a / e))`` over bins, 0 for equal shares.

    The formula is Siddiqi's (*Credit Risk Scorecards*, 2006, chapter 9): the sum of both Kullback-Leibler divergences.
    His rule of thumb: below 0.1 nothing to speak of, from 0.25 on another population. A bin that one sample alone has
    left empty counts as half a payment there; one that both have left empty says nothing.

    Args:
        expected: payments per bin, as it was.
        actual: payments per bin, as it is.

    Raises:
        ValueError: a sample is empty, or they have different numbers of bins.
    """
    if len(expected) != len(actual) or not sum(expected) or not sum(actual):
        raise ValueError(f"{len(expected)} and {len(actual)} bins with {sum(expected)} and {sum(actual)} payments")
    before, after = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    either = (before > 0) | (after > 0)
    share_before = np.maximum(before[either], _HALF) / before.sum()
    share_after = np.maximum(after[either], _HALF) / after.sum()
    return float(np.sum((share_after - share_before) * np.log(share_after / share_before)))
