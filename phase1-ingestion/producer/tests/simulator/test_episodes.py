"""Every fraudulent payment belongs to an episode, and the table of episodes says what the payments say."""

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.episodes import rows
from fraud_producer.simulator.payments import Payments

DAY = 20_700


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=DAY * DAY_US, fraud_rate=0.1), CardHasher(b"k" * 32))


@pytest.fixture(scope="module")
def payments(world: World) -> Payments:
    return world.payments_of_day(DAY)[0]


def test_fraud_has_an_episode_and_honest_payments_have_none(payments: Payments) -> None:
    assert ((payments.episode > 0) == (payments.scenario > 0)).all()
    assert (payments.scenario > 0).sum() > 300


def test_an_episode_is_of_one_scenario(payments: Payments) -> None:
    for number in np.unique(payments.episode[payments.episode > 0]):
        assert len(set(payments.scenario[payments.episode == number])) == 1


def test_the_table_has_a_row_for_each_episode(world: World, payments: Payments) -> None:
    episodes = world.episodes_of_day(DAY, payments)
    assert len(episodes) == len(set(payments.episode[payments.episode > 0]))
    assert episodes.ids == [f"E20260904-{number:04d}" for number in episodes.number]
    assert episodes.payments.sum() == (payments.scenario > 0).sum()
    for position, number in enumerate(episodes.number.tolist()):
        its = rows(payments, number)
        assert len(its) == episodes.payments[position]
        assert payments.event_time[its[0]] == episodes.begins_us[position]
        assert payments.event_time[its].max() == episodes.ends_us[position]
        assert payments.scenario[its[0]] == episodes.scenario[position]
        for column, value in (
            ("user", episodes.victim),
            ("merchant", episodes.merchant),
            ("device", episodes.device),
            ("address", episodes.address),
        ):
            assert getattr(payments, column)[its[0]] == value[position]


def test_a_day_without_fraud_has_no_episode() -> None:
    calm = build_world(SimulationConfig(start_us=DAY * DAY_US, customers=50, fraud_rate=0), CardHasher(b"k" * 32))
    assert len(calm.episodes_of_day(DAY, calm.payments_of_day(DAY)[0])) == 0
