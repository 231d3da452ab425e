from itertools import pairwise

import pytest

from fraud_training.errors import DataError
from fraud_training.split import DAY_US, Day, Period, busy_range, iso, microseconds, plan_split


def days_of(period: Period) -> tuple[float, float]:
    return period.start_us / DAY_US, period.end_us / DAY_US


def test_sixty_days_are_cut_as_the_design_says() -> None:
    split = plan_split(0, 60 * DAY_US - 1, maturity_days=7)

    assert days_of(split.train) == (0, 23)
    assert days_of(split.train_gap) == (23, 30)
    assert days_of(split.validation) == (30, 38)
    assert days_of(split.validation_gap) == (38, 45)
    assert days_of(split.test) == (45, 53)
    assert days_of(split.maturation) == (53, 60)


@pytest.mark.parametrize(("days", "maturity"), [(45, 7), (24, 7), (3, 0), (210, 7), (400, 30)])
def test_periods_adjoin_and_leave_labels_their_time(days: int, maturity: int) -> None:
    start = 1_700_000_000_000_000
    split = plan_split(start, start + days * DAY_US - 1, maturity)
    periods = (split.train, split.train_gap, split.validation, split.validation_gap, split.test, split.maturation)

    assert periods[0].start_us == start
    assert periods[-1].end_us == start + days * DAY_US
    assert all(earlier.end_us == later.start_us for earlier, later in pairwise(periods))
    assert split.train_gap.days == split.validation_gap.days == split.maturation.days == maturity
    assert split.test.days == split.validation.days == round(split.test.days) >= 1
    assert split.train.days >= 1
    assert split.train_labels_before_us == split.validation.start_us
    assert split.validation_labels_before_us == split.test.start_us


def test_too_short_a_history_says_how_much_is_needed() -> None:
    with pytest.raises(DataError, match=r"span 23\.0 days, and training needs at least 24"):
        plan_split(0, 23 * DAY_US - 1, maturity_days=7)


def test_a_period_survives_being_written() -> None:
    period = Period(1_700_000_000_123_456, 1_700_000_086_400_000)

    assert Period.from_text(period.as_text()) == period
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert microseconds("1970-01-02T00:00:00.000001Z") == DAY_US + 1


def a_day(number: int, payments: int) -> Day:
    return Day(payments, number * DAY_US + 5, number * DAY_US + 900)


@pytest.mark.parametrize("payments", [100, 1_000_000])
def test_a_stray_payment_at_either_end_does_not_stretch_the_range(payments: int) -> None:
    days = [a_day(number, payments) for number in range(20_000, 20_060)]
    usual = Period(20_000 * DAY_US + 5, 20_059 * DAY_US + 901)

    assert busy_range(days) == usual
    assert busy_range([a_day(47_000, 1), *days]) == usual
    assert busy_range([*days, a_day(0, 1)]) == usual
    assert busy_range([a_day(47_000, 1), *days, a_day(0, 1), a_day(1, 1)]) == usual


def test_a_day_counts_from_one_payment_in_ten_thousand() -> None:
    days = [a_day(number, 5_000) for number in range(10)]

    assert busy_range([*days, a_day(12, 5)]) == Period(5, 9 * DAY_US + 901)
    assert busy_range([*days, a_day(12, 6)]) == Period(5, 12 * DAY_US + 901)
    # inside, a thin day belongs to the history
    assert busy_range([*days, a_day(12, 2), a_day(13, 5_000)]) == Period(5, 13 * DAY_US + 901)


def test_a_handful_of_payments_is_taken_as_it_is() -> None:
    assert busy_range([a_day(3, 1), a_day(5, 1)]) == Period(3 * DAY_US + 5, 5 * DAY_US + 901)
    assert busy_range([]) is None
