"""A month of a small world with much fraud, as messages by topic, and its days as the kinds see them."""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world, events, simulate
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.kinds.day import Day, victims_of

START = 20_700 * DAY_US + 15 * 3_600_000_000
DAYS = 30
CONFIG = SimulationConfig(start_us=START, seed=5, customers=400, transactions_per_day=1000, fraud_rate=0.06)


@dataclass
class Month:
    world: World
    by_topic: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def day(self, number: int) -> Day:
        payments, ids = self.world.payments_of_day(number)
        victims = victims_of(payments, ids, self.world.labels_of_day(number, payments, ids))
        return Day(self.world.config, self.world.users, self.world.merchants, number, payments, victims)


@pytest.fixture(scope="session")
def month() -> Month:
    made = Month(build_world(CONFIG, CardHasher(b"k" * 32)))
    for block in simulate(made.world, START, START + DAYS * DAY_US):
        for event in events(made.world, block):
            made.by_topic[event.topic.name].append(event)
    return made
