"""Every fraudulent payment belongs to an episode, and an episode is of one scenario."""

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
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
