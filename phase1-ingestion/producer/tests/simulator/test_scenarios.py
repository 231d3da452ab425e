"""Every fraud scenario makes the pattern that it is named for, and honest people do some of it too."""

from collections.abc import Callable

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.circumstances import compromised_merchants
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import distance_km
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, Payments
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import SCENARIOS, Stage
from fraud_producer.simulator.simulation import honest_payments

DAY = 20_700
HOUR_US = 3_600_000_000
Play = Callable[[str], Payments]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=DAY * DAY_US, seed=5), CardHasher(b"k" * 32))


@pytest.fixture(scope="module")
def stage(world: World) -> Stage:
    rng = generator(5, Purpose.PAYMENTS, DAY)
    honest = honest_payments(rng, world.config, world.users, world.merchants, DAY, 1.0)
    return Stage(generator(5, Purpose.FRAUD, DAY), world.config, world.users, world.merchants, DAY, honest)


@pytest.fixture(scope="module")
def play(stage: Stage) -> Play:
    scenarios = {scenario.name: scenario for scenario in SCENARIOS}
    played: dict[str, Payments] = {}

    def once(name: str) -> Payments:
        if name not in played:
            played[name] = scenarios[name].play(stage, 150)
        return played[name]

    return once


def groups(key: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(key == value) for value in np.unique(key)]


def is_remote(payments: Payments) -> np.ndarray:
    return np.isin(payments.channel, (Channel.ONLINE, Channel.MOBILE))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_episodes_stay_within_their_day(scenario, play: Play) -> None:
    payments = play(scenario.name)
    assert len(payments)
    assert (payments.event_time >= DAY * DAY_US).all()
    assert (payments.event_time < (DAY + 1) * DAY_US).all()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_mean_episode_is_as_long_as_the_catalogue_says(scenario, play: Play) -> None:
    assert len(play(scenario.name)) / 150 == pytest.approx(scenario.mean_payments, rel=0.15)


def test_shares_add_up() -> None:
    assert sum(scenario.share for scenario in SCENARIOS) == pytest.approx(1.0)


def test_card_testing_is_a_run_of_small_remote_payments_from_one_foreign_device(play: Play) -> None:
    payments = play("card_testing")
    assert is_remote(payments).all()
    assert not payments.card_present.any()
    assert (payments.device >= FRAUD_CODE_START).all()
    episodes = groups(payments.device)
    assert len(episodes) == 150
    for rows in episodes:
        assert len(set(payments.user[rows])) == 1
        assert (payments.cents[rows] <= 2400).sum() >= 2
    spans = [np.ptp(np.sort(payments.event_time[rows])[:3]) for rows in episodes]
    assert np.mean(np.array(spans) < HOUR_US / 4) > 0.5
    assert np.mean([payments.cents[rows].max() > 2400 for rows in episodes]) > 0.4


def test_velocity_burst_is_many_payments_at_tills_near_home_within_hours(play: Play, world: World) -> None:
    payments = play("velocity_burst")
    assert np.isin(payments.channel, (Channel.POS, Channel.ATM)).all()
    assert (payments.place == world.users.country[payments.user]).all()
    counts = [
        ((payments.event_time[rows] - payments.event_time[rows].min()) < HOUR_US).sum()
        for rows in groups(payments.user)
    ]
    assert np.mean(np.array(counts) >= 4) > 0.4
    assert np.mean(np.array(counts) <= 3) > 0.1, "some are careful"


def test_impossible_travel_is_faster_than_an_aeroplane(play: Play, stage: Stage) -> None:
    payments = play("impossible_travel")
    honest = stage.honest
    fast = []
    for rows in groups(payments.user):
        first = rows[np.argmin(payments.event_time[rows])]
        before = np.flatnonzero(
            (honest.user == payments.user[first])
            & (honest.event_time < payments.event_time[first])
            & (honest.channel == Channel.POS)
            & ~np.isnan(honest.latitude)
        )
        assert len(before), "it follows an honest payment at a till"
        last = before[np.argmax(honest.event_time[before])]
        kilometres = distance_km(
            honest.latitude[[last]], honest.longitude[[last]], payments.latitude[[first]], payments.longitude[[first]]
        )[0]
        hours = (payments.event_time[first] - honest.event_time[last]) / HOUR_US
        fast.append(kilometres / hours > 900)
    assert 0.5 < np.mean(fast) < 1.0


def test_account_takeover_is_remote_and_mostly_from_a_new_device(play: Play, stage: Stage) -> None:
    payments = play("account_takeover")
    assert is_remote(payments).all()
    assert not payments.card_present.any()
    assert (payments.address >= FRAUD_CODE_START).all()
    foreign = payments.device >= FRAUD_CODE_START
    assert 0.6 < foreign.mean() < 0.97
    own = payments.device[~foreign]
    assert np.isin(own, stage.own_phones(payments.user[~foreign])).all(), "the rest uses the victim's phone"


def test_compromised_merchant_hits_many_cards_at_few_merchants(play: Play, world: World) -> None:
    payments = play("compromised_merchant")
    chosen, shares = compromised_merchants(world.config.seed, world.merchants, DAY)
    assert set(payments.merchant) <= set(chosen)
    assert shares.sum() == pytest.approx(1.0)
    assert len(set(payments.user)) > 10 * len(set(payments.merchant)) / 2
    assert is_remote(payments).all()


def test_a_merchant_stays_compromised_for_weeks(world: World) -> None:
    today = set(compromised_merchants(world.config.seed, world.merchants, DAY)[0])
    in_two_weeks = set(compromised_merchants(world.config.seed, world.merchants, DAY + 14)[0])
    in_half_a_year = set(compromised_merchants(world.config.seed, world.merchants, DAY + 180)[0])
    assert 4 <= len(today) <= 40
    assert len(today & in_two_weeks) > len(today & in_half_a_year)


def test_quiet_misuse_looks_like_its_victims_own_payments(play: Play) -> None:
    payments = play("quiet_misuse")
    assert (payments.device < FRAUD_CODE_START).all()
    assert len(set(payments.user)) > 100


def test_fraud_amounts_overlap_honest_ones(play: Play, stage: Stage) -> None:
    honest = np.percentile(stage.honest.cents, [5, 99])
    for scenario in SCENARIOS:
        cents = play(scenario.name).cents
        assert np.mean((cents > honest[0]) & (cents < honest[1])) > 0.2, scenario.name


class TestHonestLookAlikes:
    """What looks like fraud and is none."""

    def test_people_travel(self, stage: Stage, world: World) -> None:
        abroad = stage.honest.place != world.users.country[stage.honest.user]
        at_till = ~is_remote(stage.honest)
        assert 0.005 < (abroad & at_till).mean() < 0.15

    def test_people_go_on_sprees(self, stage: Stage) -> None:
        ordered = np.lexsort((stage.honest.event_time, stage.honest.user))
        user, moment = stage.honest.user[ordered], stage.honest.event_time[ordered]
        third = (user[3:] == user[:-3]) & (moment[3:] - moment[:-3] < 2 * HOUR_US)
        assert third.sum() > 40

    def test_people_buy_sofas(self, stage: Stage) -> None:
        assert (stage.honest.cents > 50_000).sum() > 15

    def test_people_get_new_phones(self, world: World) -> None:
        from fraud_producer.simulator.circumstances import phones

        before, after = (phones(world.config.seed, 2000, day) for day in (DAY, DAY + 30))
        assert 0.03 < (before != after).mean() < 0.4

    def test_devices_are_shared_by_nobody(self, stage: Stage) -> None:
        used = stage.honest.device > 0
        for device in np.unique(stage.honest.device[used]):
            assert len(set(stage.honest.user[stage.honest.device == device])) == 1
