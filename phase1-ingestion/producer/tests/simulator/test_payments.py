"""Amounts and places of simulated payments are what the contract allows, fraud and transfers included."""

import pytest

from fraud_contracts import DEGREE_LIMITS, MAX_AMOUNT_CENTS, MIN_AMOUNT_CENTS
from fraud_producer.events import cents_of
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world, inject
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.payments import records
from fraud_producer.simulator.scenarios import SCENARIOS

DAY = 20_700


@pytest.fixture(scope="module")
def world() -> World:
    config = SimulationConfig(start_us=DAY * DAY_US, fraud_rate=0.1, structuring_threshold=1_000_000)
    return build_world(config, CardHasher(b"k" * 32))


def test_amounts_and_places_are_within_the_contracts_bounds(world: World) -> None:
    found = list(records(*world.payments_of_day(DAY), world.users, world.merchants))
    for scenario in SCENARIOS:
        case = inject(world, scenario.name, DAY * DAY_US, 1)
        found += records(case.payments, case.ids, world.users, world.merchants)
    for record in found:
        assert MIN_AMOUNT_CENTS <= cents_of(record["amount"]) <= MAX_AMOUNT_CENTS
        assert (record["latitude"] is None) == (record["longitude"] is None)
        for name, limit in DEGREE_LIMITS.items():
            assert record[name] is None or abs(record[name]) <= limit
