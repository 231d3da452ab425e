"""People live together, earn differently, know each other and have habits of their own."""

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.population import HOUR_PROFILES, computer_codes, home_addresses, phone_codes

DAY = 20_700


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=DAY * DAY_US, fraud_rate=0.0), CardHasher(b"k" * 32))


def test_families_share_a_home_its_connection_and_its_computer(world: World) -> None:
    users = world.users
    together = np.flatnonzero(users.household != np.arange(len(users)))
    heads = users.household[together]
    assert 0.1 < len(together) / len(users) < 0.3
    assert (users.household[heads] == heads).all(), "a head lives in its own household"
    for column in (users.city, users.country, users.latitude, users.longitude, users.utc_offset_hours):
        assert (column[together] == column[heads]).all()
    assert (computer_codes(users, together) == computer_codes(users, heads)).all()
    assert (home_addresses(users, together) == home_addresses(users, heads)).all()
    assert np.bincount(users.household).max() >= 3


def test_phones_and_computers_of_different_owners_differ(world: World) -> None:
    everybody = np.arange(len(world.users), dtype=np.int64)
    alone = np.flatnonzero(world.users.household == everybody)
    codes = np.concatenate([phone_codes(everybody, everybody * 0 + 700), computer_codes(world.users, alone)])
    assert len(set(codes.tolist())) == len(codes)


def test_who_earns_more_spends_more(world: World) -> None:
    users = world.users
    assert np.median(users.income) == pytest.approx(34_000, rel=0.1)
    assert np.percentile(users.income, 90) > 1.6 * np.median(users.income)
    assert np.corrcoef(np.log(users.income), users.spending)[0, 1] > 0.7
    renters = users.rent_cents > 0
    monthly = users.income[renters] / 12
    assert (users.rent_cents[renters] < 0.45 * 100 * monthly).all()


def test_people_pay_at_hours_of_their_own(world: World) -> None:
    parts = [world.payments_of_day(DAY + number)[0] for number in range(7)]
    user = np.concatenate([part.user for part in parts])
    hour = np.concatenate([part.event_time for part in parts]) // 3_600_000_000 % 24
    local = (hour + world.users.utc_offset_hours[user]) % 24
    night = [(local[world.users.hours[user] == habit] < 5).mean() for habit in range(len(HOUR_PROFILES))]
    assert night[3] > 2 * max(night[0], night[1]), "night owls"


def test_nobody_is_his_own_friend_and_some_are_known_by_many(world: World) -> None:
    friends = world.users.friends
    assert (friends != np.arange(len(world.users))[:, None]).all()
    assert np.bincount(friends.ravel(), minlength=len(world.users)).max() > 40


def test_the_smallest_world_can_be_built() -> None:
    tiny = SimulationConfig(start_us=DAY * DAY_US, customers=10, transactions_per_day=30, fraud_rate=0.2)
    world = build_world(tiny, CardHasher(b"k" * 32))
    assert sum(len(world.payments_of_day(DAY + number)[0]) for number in range(10)) > 150
