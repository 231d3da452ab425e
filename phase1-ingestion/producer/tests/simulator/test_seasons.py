"""Weeks and years have a shape: weekends, habits of one's own, Christmas."""

from datetime import date

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.circumstances import whereabouts
from fraud_producer.simulator.config import DAY_US, date_of
from fraud_producer.simulator.payments import Kind, Payments
from fraud_producer.simulator.seasons import (
    GIFT_SHARE,
    TRAVEL_MONTHS,
    WEEKDAY_HABIT_SHARES,
    WEEKDAY_HABITS,
    day_factor,
    gift_share,
    weekday_of,
)


def day_number(when: date) -> int:
    return (when - date(1970, 1, 1)).days


def factors(first: date, days: int) -> list[float]:
    start = day_number(first)
    return [day_factor(day, date_of(day)) for day in range(start, start + days)]


@pytest.fixture(scope="module")
def world() -> World:
    start = day_number(date(2026, 9, 1)) * DAY_US
    return build_world(SimulationConfig(start_us=start, fraud_rate=0.0), CardHasher(b"k" * 32))


def payments_of(world: World, first: date, days: int) -> list[Payments]:
    return [world.payments_of_day(day_number(first) + number)[0] for number in range(days)]


def test_weekdays_are_counted_from_monday() -> None:
    assert [weekday_of(day_number(date(2026, 11, day))) for day in range(23, 30)] == list(range(7))


def test_a_year_is_as_busy_as_its_days_times_the_mean() -> None:
    assert np.mean(factors(date(2026, 1, 1), 364)) == pytest.approx(1.0, abs=0.01)


def test_december_is_busy_until_christmas_eve() -> None:
    december, november = factors(date(2026, 12, 1), 28), factors(date(2026, 11, 2), 28)
    assert np.mean(december) > 1.08 * np.mean(november)
    before, holidays = factors(date(2026, 12, 16), 7), factors(date(2026, 12, 25), 2)
    assert np.mean(before) > 1.2 * np.mean(factors(date(2026, 12, 2), 7))
    assert np.mean(holidays) < 0.6


def test_habits_of_the_week_change_nothing_in_sum() -> None:
    assert WEEKDAY_HABITS.mean(axis=1) == pytest.approx(1.0)
    assert np.array(WEEKDAY_HABIT_SHARES) @ WEEKDAY_HABITS == pytest.approx(1.0)


def test_some_shop_at_weekends_and_some_at_work(world: World) -> None:
    week = payments_of(world, date(2026, 9, 7), 7)
    at_weekend = np.array(
        [sum((world.users.weekdays[day.user] == habit).sum() for day in week[5:]) for habit in (1, 2)]
    )
    at_work = np.array([sum((world.users.weekdays[day.user] == habit).sum() for day in week[:5]) for habit in (1, 2)])
    share = at_weekend / (at_weekend + at_work)
    assert share[0] > 2 * share[1]


def test_more_people_are_away_in_summer_than_in_november(world: World) -> None:
    assert np.mean(TRAVEL_MONTHS) == pytest.approx(1.0)

    def away(first: date) -> float:
        days = [day_number(first) + number for number in range(0, 28, 3)]
        return float(np.mean([whereabouts(world.config.seed, world.users, day).city >= 0 for day in days]))

    assert away(date(2026, 8, 1)) > 1.5 * away(date(2026, 11, 20)) > 0


def test_gifts_are_few_all_year_and_many_before_christmas() -> None:
    assert gift_share(date(2026, 6, 24)) == gift_share(date(2026, 12, 25)) == GIFT_SHARE
    assert GIFT_SHARE < gift_share(date(2026, 11, 28)) < gift_share(date(2026, 12, 1)) < gift_share(date(2026, 12, 24))


def test_before_christmas_people_pay_more_and_where_they_never_bought(world: World) -> None:
    def bought_like(first: date) -> tuple[float, float]:
        parts = payments_of(world, first, 4)
        user, merchant, cents = (
            np.concatenate([getattr(part, name)[part.kind != Kind.TRANSFER] for part in parts])
            for name in ("user", "merchant", "cents")
        )
        usual = world.merchants.category[world.users.favourites]
        new_category = (world.merchants.category[merchant][:, None] != usual[user]).all(axis=1)
        gift_like = new_category & world.merchants.sells_gifts[merchant]
        return float(gift_like.mean()), float(np.log(cents).mean())

    (new_then, paid_then), (new_else, paid_else) = bought_like(date(2026, 12, 18)), bought_like(date(2026, 9, 18))
    assert new_then > 1.5 * new_else
    assert paid_then > paid_else
