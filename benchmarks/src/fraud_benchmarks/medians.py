"""The median of a few measurements, and how far it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median as sample_median
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A sample's median with bounds for the median of what it was drawn from; None where too few were drawn."""

    median: float
    low: float | None
    high: float | None


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The sample's median between two of its order statistics that hold the true median with this confidence.

    Nothing is assumed about how the values are distributed. With x(1) <= ... <= x(n), the interval
    [x(k), x(n + 1 - k)] covers the median with probability 1 - 2 P(B < k), B binomial with n trials of 1/2; the largest
    k that keeps the confidence is taken. (J.-Y. Le Boudec, Performance Evaluation of Computer and Communication
    Systems, theorem 2.1; H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1.) Of 7 values
    those are the smallest and the largest (98.4 %), of 10 the second and the ninth (97.9 %). Fewer than 6 values
    have no such interval at 95 %.

    Raises:
        ValueError: there is no value.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("the median of nothing is asked for")
    rank = _rank(len(ordered), confidence)
    if not rank:
        return Interval(sample_median(ordered), None, None)
    return Interval(sample_median(ordered), ordered[rank - 1], ordered[-rank])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (the nearest rank).

    Raises:
        ValueError: there is no value, or the share is not in (0, 1].
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"the percentile {share} of {len(values)} values is asked for")
    # whole numbers, so that 0.95 of 20 is the 19th and not, by a rounding error, the 20th
    rank = -(-round(share * 1_000_000) * len(values) // 1_000_000)
    return sorted(values)[rank - 1]


def _rank(count: int, confidence: float) -> int:
    """The largest k for which [x(k), x(n + 1 - k)] covers the median with the confidence; 0 when there is none."""
    outside, rank = 0.0, 0
    # k has k - 1 values below it: each step adds the chance that exactly so many lie below the median
    while rank < count // 2:
        outside += 2 * comb(count, rank) / 2**count
        if 1 - outside < confidence:
            break
        rank += 1
    return rank
