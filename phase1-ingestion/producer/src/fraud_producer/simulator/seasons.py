"""How busy a day of the year and a day of the week are, how much of it is gifts, and when people travel."""

from datetime import date
from typing import Final

import numpy as np

from fraud_producer.simulator.geography import Floats

# Monday to Sunday, and January to December; both average about one.
WEEKDAYS: Final = (0.95, 0.95, 0.97, 1.00, 1.12, 1.10, 0.91)
MONTHS: Final = (0.92, 0.94, 0.98, 0.99, 1.00, 1.00, 1.01, 1.00, 0.99, 1.00, 1.01, 1.16)
# How many more people than usual set out in a month: holidays in summer, at Easter and at the turn of the year.
TRAVEL_MONTHS: Final = (0.75, 0.80, 0.90, 1.10, 1.05, 1.15, 1.45, 1.50, 1.00, 0.90, 0.60, 0.80)

# How one's own week differs from everybody's: not at all, shopping at weekends, paying at work. Each averages one, and
# so does each day over all users, in the shares in which users have these habits.
WEEKDAY_HABITS: Final[Floats] = np.array(
    [
        (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        (0.8, 0.8, 0.8, 0.8, 0.8, 1.5, 1.5),
        (1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5),
    ]
)
WEEKDAY_HABIT_SHARES: Final = (0.6, 0.2, 0.2)

# Birthdays are all year round.
GIFT_SHARE: Final = 0.004
LATE_NOVEMBER_GIFT_SHARE: Final = 0.04
CHRISTMAS_GIFT_SHARES: Final = (0.06, 0.16)
LAST_SHOPPING_DAY: Final = 24


def weekday_of(day: int) -> int:
    """Monday 0 to Sunday 6 of a day counted from 1970, which began on a Thursday."""
    return (day + 3) % 7


def day_factor(day: int, when: date) -> float:
    """How busy a day is compared with the mean: weekday, season, and the weeks around Christmas."""
    return WEEKDAYS[weekday_of(day)] * MONTHS[when.month - 1] * _christmas_factor(when)


def travel_factor(when: date) -> float:
    """How many more people than usual set out in the weeks from a date on."""
    return TRAVEL_MONTHS[when.month - 1]


def gift_share(when: date) -> float:
    """Share of purchases that are presents: few all year, more from late November on, up to Christmas Eve."""
    if when.month == 11 and when.day >= 24:
        return LATE_NOVEMBER_GIFT_SHARE
    if when.month == 12 and when.day <= LAST_SHOPPING_DAY:
        first, last = CHRISTMAS_GIFT_SHARES
        return first + (last - first) * when.day / LAST_SHOPPING_DAY
    return GIFT_SHARE


def _christmas_factor(when: date) -> float:
    """Within December, which averages one: the last days before the holidays are full, the holidays are empty."""
    if when.month != 12:
        return 1.0
    if when.day <= 12:
        return 0.95
    if when.day < LAST_SHOPPING_DAY:
        return 1.24
    return 0.45 if when.day in (25, 26) else 0.90
