"""One case of any scenario can be made for any moment, the same one again, beside all other payments."""

import pytest

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.avro import Encoder
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import Injection, SimulationConfig, World, build_world, inject
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.payments import records
from fraud_producer.simulator.scenarios import SCENARIOS

# a quarter to midnight: cases cross it
MOMENT = 20_701 * DAY_US - 15 * 60_000_000
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=20_700 * DAY_US, customers=300), CardHasher(b"k" * 32))


def encoded(world: World, case: Injection) -> list[bytes]:
    payments = Encoder(TRANSACTIONS, 1)
    labels = Encoder(LABELS, 2)
    rows = records(case.payments, case.ids, world.users, world.merchants)
    return [payments.encode(row) for row in rows] + [labels.encode(label.record()) for label in case.labels]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_a_case_is_one_labelled_episode_from_its_moment_on(world: World, name: str, seed: int) -> None:
    case = inject(world, name, MOMENT, seed)
    fraud = case.payments.scenario > 0
    assert fraud.any()
    assert len(set(case.payments.episode[fraud])) == 1
    assert set(case.payments.scenario[fraud]) == {NAMES.index(name) + 1}
    assert MOMENT <= case.payments.event_time[0] < MOMENT + 3_600_000_000
    assert case.payments.event_time[-1] < MOMENT + DAY_US
    assert len(set(case.ids)) == len(case.payments)
    assert max(map(len, case.ids)) <= 64
    assert [label.transaction_id for label in case.labels] == [
        name for name, is_fraud in zip(case.ids, fraud, strict=True) if is_fraud
    ]
    for label in case.labels:
        assert (label.is_fraud, label.fraud_type, label.source) == (True, name, "ANALYST")
        assert label.known_us > case.payments.event_time[-1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_arguments_give_the_same_case(world: World, name: str) -> None:
    again = encoded(world, inject(world, name, MOMENT, 3))
    assert again == encoded(world, inject(world, name, MOMENT, 3))
    assert again != encoded(world, inject(world, name, MOMENT, 4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("victim", [0, 17, 299])
def test_the_victim_can_be_chosen(world: World, name: str, victim: int) -> None:
    case = inject(world, name, MOMENT, 2, victim)
    assert victim in case.payments.user[case.payments.scenario > 0]
    assert len(set(case.payments.episode[case.payments.scenario > 0])) == 1


def test_a_chosen_mule_does_not_pay_himself(world: World) -> None:
    for seed in range(5):
        case = inject(world, "mule_account", MOMENT, seed, 17)
        into = case.payments.take(case.payments.counterparty == 1 + 17)
        assert len(into) >= 3
        assert 17 not in into.user


def test_a_victim_who_is_no_user_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="victim is 300: use 0 to 299"):
        inject(world, "velocity_burst", MOMENT, 1, 300)


def test_impossible_travel_brings_the_payment_at_home_along(world: World) -> None:
    case = inject(world, "impossible_travel", MOMENT, 1)
    assert case.payments.scenario[0] == 0
    assert len(set(case.payments.user)) == 1


def test_ids_are_those_of_no_other_payment(world: World) -> None:
    case = inject(world, "velocity_burst", MOMENT, 1)
    _, ids = world.payments_of_day(20_700)
    assert not set(ids) & set(case.ids)
    assert not set(inject(world, "velocity_burst", MOMENT + 1, 1).ids) & set(case.ids)


def test_an_unknown_scenario_is_refused_with_the_names_there_are(world: World) -> None:
    with pytest.raises(ValueError, match=r"'bank_robbery': use one of .*velocity_burst"):
        inject(world, "bank_robbery", MOMENT, 1)


def test_a_seed_out_of_range_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="seed is -1"):
        inject(world, "velocity_burst", MOMENT, -1)
