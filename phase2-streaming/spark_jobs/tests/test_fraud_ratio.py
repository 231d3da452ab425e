"""The newest full day against the seven before it, on the clock of the events."""

import pytest

from fraud_stream.fraud_ratio import FraudRatio, fraud_ratio

NEWEST = 490_000
OLDEST = NEWEST - 8 * 24


def per_hour(count: int, first: int = OLDEST, last: int = NEWEST) -> dict[int, int]:
    return dict.fromkeys(range(first, last + 1), count)


def test_the_newest_day_is_compared_with_the_seven_before() -> None:
    frauds = per_hour(1) | {NEWEST - 1: 25, NEWEST - 24: 25}
    ratio = fraud_ratio(per_hour(100), frauds, OLDEST, NEWEST)
    assert ratio is not None
    assert ratio.newest_day == pytest.approx((22 + 50) / 2400)
    assert ratio.baseline == pytest.approx(0.01)


def test_days_end_where_the_next_begins() -> None:
    frauds = {NEWEST - 25: 7, NEWEST - 8 * 24: 7, NEWEST - 8 * 24 - 1: 1000}
    assert fraud_ratio(per_hour(1), frauds, OLDEST - 1, NEWEST) == FraudRatio(0, 14 / (7 * 24))


def test_the_hour_that_is_still_filling_is_left_out() -> None:
    calm = fraud_ratio(per_hour(100), per_hour(1), OLDEST, NEWEST)
    assert fraud_ratio(per_hour(100) | {NEWEST: 1}, per_hour(1) | {NEWEST: 1}, OLDEST, NEWEST) == calm


def test_what_becomes_known_later_changes_nothing() -> None:
    calm = fraud_ratio(per_hour(100), per_hour(1), OLDEST, NEWEST)
    assert fraud_ratio(per_hour(100), per_hour(1) | {NEWEST + 5: 1000}, OLDEST, NEWEST) == calm


def test_less_than_seven_full_days_before_the_newest_have_no_ratio() -> None:
    assert fraud_ratio(per_hour(100, OLDEST + 1), per_hour(1, OLDEST + 1), OLDEST + 1, NEWEST) is None
    assert fraud_ratio(per_hour(100), per_hour(1), OLDEST, NEWEST) is not None


def test_a_day_without_payments_has_no_ratio() -> None:
    payments = {hour: count for hour, count in per_hour(100).items() if not NEWEST - 72 <= hour < NEWEST - 48}
    assert fraud_ratio(payments, per_hour(1), OLDEST, NEWEST) is None


def test_hours_without_frauds_count_as_none() -> None:
    assert fraud_ratio(per_hour(100), {}, OLDEST, NEWEST) == FraudRatio(0, 0)
