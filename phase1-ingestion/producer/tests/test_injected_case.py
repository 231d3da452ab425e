"""A case ends where it is asked to, is labelled, and brings along what belongs to it on the other topics."""

from collections import Counter

import pytest

from fraud_contracts import CARD_EVENTS, KYC_PROFILES, LABELS, LOGINS, MAX_ID_LENGTH, RAW_TOPICS, TRANSACTIONS
from fraud_producer.avro import Encoder
from fraud_producer.injected_case import Case, case_ending_at
from fraud_producer.pan import CardHasher
from fraud_producer.side_events import is_side_id
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.scenarios import SCENARIOS

START = 20_700 * DAY_US
# ten minutes past midnight: every case begins the day before
NOW = START + 20 * DAY_US + 600_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=START, customers=500), CardHasher(b"k" * 32))


def case(world: World, name: str, number: int = 1, user: str | None = None) -> Case:
    return case_ending_at(world, name, NOW, number, user)


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_a_case_of_every_scenario_ends_now_and_fits_the_schemas(world: World, name: str) -> None:
    made = case(world, name)
    payments, labels = made.of(TRANSACTIONS.name), made.of(LABELS.name)
    assert payments[-1].event_us <= NOW
    assert NOW - payments[-1].event_us < 60_000_000
    assert labels
    assert {label.record["fraud_type"] for label in labels} == {name}
    assert {label.record["transaction_id"] for label in labels} <= {payment.event_id for payment in payments}
    assert {label.event_us for label in labels} == {made.known_us}
    assert all(event.event_us <= made.known_us for event in made.events)
    assert [event.event_us for event in made.events] == sorted(event.event_us for event in made.events)
    encoders = {topic.name: Encoder(topic, 1) for topic in RAW_TOPICS}
    for event in made.events:
        encoders[event.topic.name].encode(event.record)
        assert is_side_id(event.event_id)
        assert len(event.event_id) <= MAX_ID_LENGTH
    assert len({event.event_id for event in made.events}) == len(made.events)


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_a_case_happens_to_the_user_who_was_named(world: World, name: str) -> None:
    made = case(world, name, user="U0042")
    assert "U0042" in made.users
    assert "U0042" in {event.key for event in made.of(TRANSACTIONS.name)}


def test_the_same_number_is_the_same_case_and_another_number_another(world: World) -> None:
    assert case(world, "card_testing") == case(world, "card_testing")
    ids = [{event.event_id for event in case(world, "card_testing", number).events} for number in (1, 2)]
    assert not ids[0] & ids[1]


def test_cases_bring_along_what_belongs_to_them(world: World) -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    for name in ("account_takeover", "brute_force_login", "velocity_burst", "bust_out"):
        for number in range(20):
            kinds.update((name, topic) for topic in {event.topic.name for event in case(world, name, number).events})
    assert kinds["brute_force_login", LOGINS.name] == kinds["account_takeover", LOGINS.name] == 20
    assert kinds["velocity_burst", CARD_EVENTS.name] > 0
    assert kinds["account_takeover", KYC_PROFILES.name] > 0
    assert kinds["bust_out", KYC_PROFILES.name] == kinds["bust_out", CARD_EVENTS.name] == 20


def test_a_user_who_is_none_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="user is 'U9999': use one of U0001 to U0500"):
        case(world, "velocity_burst", user="U9999")
