from itertools import pairwise

import pytest

from fraud_training.errors import DataError
from fraud_training.split import DAY_US, Period, iso, microseconds, plan_split


def days_of(period: Period) -> tuple[float, float]:
    return period.start_us / DAY_US, period.end_us / DAY_US


def test_sixty_days_are_cut_as_the_design_says() -> None:
    split = plan_split(0, 60 * DAY_US - 1, maturity_days=7)

    assert days_of(split.train) == (0, 32)
    assert days_of(split.gap) == (32, 39)
    assert days_of(split.validation) == (39, 46)
    assert days_of(split.test) == (46, 53)
    assert days_of(split.maturation) == (53, 60)


@pytest.mark.parametrize(("days", "maturity"), [(45, 7), (17, 7), (3, 0), (210, 7), (400, 30)])
def test_periods_adjoin_and_leave_labels_their_time(days: int, maturity: int) -> None:
    start = 1_700_000_000_000_000
    split = plan_split(start, start + days * DAY_US - 1, maturity)
    periods = (split.train, split.gap, split.validation, split.test, split.maturation)

    assert periods[0].start_us == start
    assert periods[-1].end_us == start + days * DAY_US
    assert all(earlier.end_us == later.start_us for earlier, later in pairwise(periods))
    assert split.gap.days == split.maturation.days == maturity
    assert split.test.days == split.validation.days == round(split.test.days) >= 1
    assert split.train.days >= 1
    assert split.train_labels_before_us == split.validation.start_us


def test_too_short_a_history_says_how_much_is_needed() -> None:
    with pytest.raises(DataError, match=r"span 16\.0 days, and training needs at least 17"):
        plan_split(0, 16 * DAY_US - 1, maturity_days=7)


def test_a_period_survives_being_written() -> None:
    period = Period(1_700_000_000_123_456, 1_700_000_086_400_000)

    assert Period.from_text(period.as_text()) == period
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert microseconds("1970-01-02T00:00:00.000001Z") == DAY_US + 1
