"""One day of one world, for whoever plays episodes on it."""

from collections.abc import Callable

import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.behaviour import honest_payments
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import Stage


@pytest.fixture(scope="module")
def world_of_day() -> Callable[[int], World]:
    """``world_of_day(day)``: the world with all settings at their defaults that begins on that day."""

    def build(day: int) -> World:
        return build_world(SimulationConfig(start_us=day * DAY_US, seed=5), CardHasher(b"k" * 32))

    return build


@pytest.fixture(scope="module")
def stage_of(world: World) -> Callable[[int, Purpose], Stage]:
    """``stage_of(day, purpose)``: that day's honest payments, and the random numbers of ``purpose``."""

    def build(day: int, purpose: Purpose) -> Stage:
        config, seed = world.config, world.config.seed
        honest = honest_payments(generator(seed, Purpose.PAYMENTS, day), config, world.users, world.merchants, day, 1.0)
        return Stage(generator(seed, purpose, day), config, world.users, world.merchants, day, honest)

    return build
