"""The share of frauds on the newest day of Gold, and what it was in the week before.

A fraud counts in the hour in which its payment first became known as one, not in the hour of the payment: labels take
days, so the frauds of a young day are mostly unknown and would always look few. What became known in a day is complete
when the day is over, and no later correction reaches back. The ratio sets these frauds against the payments of the
same hours, so it moves with the volume of payments as long as labels lag behind a change of it.

The clock is the newest event time that Gold holds, rounded down to the hour; the newest day is the 24 hours before it.
A history of years ago gives the same figures whenever it is looked at, and no day is judged by its first minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HOURS = 24
BASELINE_DAYS = 7
# How far back the hours that :func:`fraud_ratio` looks at reach.
LOOK_BACK_HOURS = HOURS * (1 + BASELINE_DAYS)


@dataclass(frozen=True, slots=True)
class FraudRatio:
    """Frauds that became known per payment."""

    newest_day: float
    # the same over the seven days before
    baseline: float


def fraud_ratio(payments: Mapping[int, int], frauds: Mapping[int, int], oldest: int, newest: int) -> FraudRatio | None:
    """The ratio of the newest day and its baseline; None when one of the eight days is not there in full.

    ``payments`` and ``frauds`` count by hour, numbered from any beginning. ``oldest`` and ``newest`` are the first and
    the last hour with a payment; the last one is still filling and left out.
    """
    if newest - oldest < LOOK_BACK_HOURS:
        return None
    paid = _by_day(payments, newest)
    if not all(paid):
        return None  # nothing is known of a day without payments
    found = _by_day(frauds, newest)
    return FraudRatio(newest_day=found[0] / paid[0], baseline=sum(found[1:]) / sum(paid[1:]))


def _by_day(counts: Mapping[int, int], newest: int) -> list[int]:
    """Sums of 24 hours, the newest day first."""
    return [
        sum(counts.get(hour, 0) for hour in range(newest - HOURS * (day + 1), newest - HOURS * day))
        for day in range(1 + BASELINE_DAYS)
    ]
