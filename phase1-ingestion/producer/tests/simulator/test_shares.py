"""How much of all fraud is of which kind is a setting, and what is produced keeps to it."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.simulator.shares import DEFAULT_SHARES, shares_of_fraud

DAY = 20_700
CONFIG = SimulationConfig(start_us=DAY * DAY_US, customers=1000, transactions_per_day=5000, fraud_rate=0.1)


def counts(config: SimulationConfig, days: int) -> tuple[int, Counter[str]]:
    world = build_world(config, CardHasher(b"k" * 32))
    found: Counter[str] = Counter()
    total = 0
    for day in range(DAY, DAY + days):
        payments, _ = world.payments_of_day(day)
        total += len(payments)
        found.update(SCENARIOS[number - 1].name for number in payments.scenario[payments.scenario > 0].tolist())
    return total, found


def test_every_scenario_has_a_share_and_they_add_up() -> None:
    assert {scenario.name for scenario in SCENARIOS} == set(DEFAULT_SHARES)
    assert sum(DEFAULT_SHARES.values()) == pytest.approx(1.0)
    assert shares_of_fraud({}) == pytest.approx(DEFAULT_SHARES)


def test_fraud_is_as_much_and_as_mixed_as_asked_for() -> None:
    total, found = counts(CONFIG, 20)
    fraud = sum(found.values())
    assert fraud / total == pytest.approx(0.1, rel=0.05)
    for name, share in DEFAULT_SHARES.items():
        assert found[name] / fraud == pytest.approx(share, rel=0.25), name


def test_a_share_can_be_changed_and_a_scenario_left_out() -> None:
    total, found = counts(replace(CONFIG, scenario_shares={"structuring": 1.0, "quiet_misuse": 0}), 5)
    assert sum(found.values()) / total == pytest.approx(0.1, rel=0.1), "as much fraud as before"
    assert found["quiet_misuse"] == 0
    assert found["structuring"] / sum(found.values()) == pytest.approx(1 / 1.94, rel=0.15)


def test_one_scenario_alone_can_be_asked_for() -> None:
    only = {name: float(name == "mule_account") for name in DEFAULT_SHARES}
    _, found = counts(replace(CONFIG, scenario_shares=only), 2)
    assert set(found) == {"mule_account"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"bank_robbery": 0.1}, "'bank_robbery': use card_testing"),
        ({"bust_out": -0.1}, "bust_out is -0.1: use a number from 0"),
        ({"bust_out": float("nan")}, "bust_out is nan"),
        ({"bust_out": "much"}, "bust_out is 'much'"),
        ({"bust_out": True}, "bust_out is True"),
        (dict.fromkeys(DEFAULT_SHARES, 0), "all scenario shares are 0"),
    ],
)
def test_shares_that_make_no_sense_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(CONFIG, scenario_shares=wrong)


@pytest.mark.parametrize("threshold", [0, -1, 99, 1e7, float("nan"), float("inf")])
def test_a_threshold_that_makes_no_sense_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"structuring threshold is .*: use 100 to 1000000"):
        replace(CONFIG, structuring_threshold=threshold)


def test_a_stored_configuration_is_the_same_again() -> None:
    config = replace(CONFIG, scenario_shares={"bust_out": 0.5}, structuring_threshold=3000.0)
    assert SimulationConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    before = {"start_us": 5, "seed": 3, "customers": 50, "transactions_per_day": 10.0, "fraud_rate": 0.1}
    assert SimulationConfig.from_dict(before).structuring_threshold == 10_000, "stored before there was a setting"
