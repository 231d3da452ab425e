"""Every honest look-alike makes the pattern that it is named for, as often at any fraud rate."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fraud_producer.simulator import World
from fraud_producer.simulator.circumstances import whereabouts
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import distance_km
from fraud_producer.simulator.look_alikes import LOOK_ALIKES, honest_look_alikes
from fraud_producer.simulator.look_alikes.public_computer import FIRST_CODE
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, Kind, Payments, join
from fraud_producer.simulator.population import computer_codes
from fraud_producer.simulator.randomness import Purpose
from fraud_producer.simulator.scenarios import Stage
from fraud_producer.simulator.transfers import SUPPLIERS

DAY = 20_700
HOUR_US = 3_600_000_000
NAMES = [each.name for each in LOOK_ALIKES]
Play = Callable[[str], Payments]


@pytest.fixture(scope="module")
def world(world_of_day: Callable[[int], World]) -> World:
    return world_of_day(DAY)


@pytest.fixture(scope="module")
def stage(stage_of: Callable[[int, Purpose], Stage]) -> Stage:
    return stage_of(DAY, Purpose.LOOK_ALIKES)


@pytest.fixture(scope="module")
def play(stage: Stage) -> Play:
    played = {each.name: each.play(stage, 150) for each in LOOK_ALIKES}
    return played.__getitem__


def episodes_of(payments: Payments) -> list[Payments]:
    return [payments.take(payments.episode == number) for number in np.unique(payments.episode)]


@pytest.mark.parametrize("name", NAMES)
def test_look_alikes_are_honest_and_stay_within_their_day(name: str, play: Play) -> None:
    payments = play(name)
    assert len(payments)
    assert not payments.scenario.any()
    assert (payments.event_time >= DAY * DAY_US).all()
    assert (payments.event_time < (DAY + 1) * DAY_US).all()
    assert (payments.device < FRAUD_CODE_START).all()
    assert (payments.address < FRAUD_CODE_START).all()
    assert (payments.counterparty < FRAUD_CODE_START).all()


@pytest.mark.parametrize("name", NAMES)
def test_none_of_them_is_nothing(name: str, stage: Stage) -> None:
    (play,) = (each.play for each in LOOK_ALIKES if each.name == name)
    assert len(play(stage, 0)) == 0


def test_supplier_invoices_are_a_run_of_transfers_just_under_the_threshold(play: Play, stage: Stage) -> None:
    payments = play("supplier_invoices")
    assert (payments.kind == Kind.TRANSFER).all()
    assert (payments.cents >= 900_000).all()
    assert (payments.cents < 1_000_000).all()
    suppliers = []
    for rows in episodes_of(payments):
        assert len(set(rows.user)) == 1
        assert 3 <= len(rows) <= 5
        assert np.ptp(rows.event_time) < 8 * HOUR_US
        suppliers.append(len(set(rows.counterparty)))
    assert np.mean(np.array(suppliers) > 2) > 0.5
    own = (payments.device == stage.own_phones(payments.user)) | (
        payments.device == computer_codes(stage.users, payments.user)
    )
    assert own.all()
    assert len(set(payments.user)) <= 0.03 * len(stage.users), "the same people do it again and again"


@pytest.mark.parametrize("threshold", [100.0, 999.99, 1_000_000.0])
def test_supplier_invoices_keep_to_the_band_of_any_threshold(stage: Stage, threshold: float) -> None:
    config = replace(stage.config, structuring_threshold=threshold)
    cents = LOOK_ALIKES[NAMES.index("supplier_invoices")].play(replace(stage, config=config), 300).cents
    assert cents.min() >= 90 * threshold - 1
    assert cents.max() < 100 * threshold


def test_small_change_is_a_run_of_tiny_payments_at_one_shop_from_ones_own_phone(play: Play, stage: Stage) -> None:
    payments = play("small_change")
    assert np.isin(payments.channel, (Channel.ONLINE, Channel.MOBILE)).all()
    assert not payments.card_present.any()
    assert (payments.cents < 600).all()
    assert (payments.device == stage.own_phones(payments.user)).all()
    for rows in episodes_of(payments):
        assert len(set(rows.user)) == len(set(rows.merchant)) == 1
        assert len(rows) >= 3
    quick = [np.ptp(np.sort(rows.event_time)[:3]) < HOUR_US / 4 for rows in episodes_of(payments)]
    assert np.mean(quick) > 0.95


def test_a_public_computer_pays_for_several_households_of_one_town(play: Play, stage: Stage) -> None:
    payments = play("public_computer")
    assert (payments.device >= FIRST_CODE).all()
    assert np.isin(payments.channel, (Channel.ONLINE, Channel.MOBILE)).all()
    for rows in episodes_of(payments):
        assert len(set(rows.device)) == len(set(rows.address)) == len(set(stage.users.city[rows.user])) == 1
        assert len(set(rows.user)) >= 3
        assert np.ptp(rows.event_time) < 9 * HOUR_US
    households = [len(set(stage.users.household[rows.user])) for rows in episodes_of(payments)]
    assert np.mean(np.array(households) >= 3) > 0.9
    assert 0.05 < (payments.cents > 50_000).mean() < 0.4, "some book a trip"


def test_a_partner_abroad_pays_too_far_from_home_too_soon(play: Play, stage: Stage) -> None:
    payments = play("partner_abroad")
    away = whereabouts(5, stage.users, DAY)
    assert (away.away(payments.user, payments.event_time) == -1).all(), "whose account it is stayed at home"
    far, same_card = [], []
    for rows in episodes_of(payments):
        first = rows.take(np.array([np.argmin(rows.event_time)]))
        (user,) = set(rows.user)
        with_him = stage.users.household == stage.users.household[user]
        assert (away.city[with_him] >= 0).any()
        at_home = stage.honest.take(
            (stage.honest.user == user)
            & (stage.honest.channel == Channel.POS)
            & (stage.honest.event_time < first.event_time)
            & (stage.honest.event_time > first.event_time - 1.5 * HOUR_US)
            & ~np.isnan(stage.honest.latitude)
        )
        assert len(at_home)
        last = at_home.take(np.array([np.argmax(at_home.event_time)]))
        far.append(distance_km(last.latitude, last.longitude, first.latitude, first.longitude)[0] > 1000)
        same_card.append(last.card[0] == first.card[0])
    assert len(far) > 20
    assert 0.2 < np.mean(far) < 0.8
    assert 0.2 < np.mean(same_card) < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_only_cards_that_were_issued_are_used(play: Play, stage: Stage, name: str) -> None:
    payments = play(name)
    second = payments.card == 1
    assert (payments.card <= 1).all()
    assert (stage.users.second_card_share[payments.user[second]] > 0).all()


def test_they_are_a_few_payments_in_a_thousand_and_no_episode_of_fraud(stage: Stage) -> None:
    week = [honest_look_alikes(stage, 1.0) for _ in range(100)]
    assert 0.001 < sum(map(len, week)) / (100 * stage.config.transactions_per_day) < 0.004
    assert not any(each.episode.any() for each in week)


def test_there_are_as_many_at_any_fraud_rate(world: World) -> None:
    found = []
    for rate in (0.0, 0.2):
        other = replace(world, config=replace(world.config, fraud_rate=rate))
        payments = join([other.payments_of_day(day)[0] for day in range(DAY, DAY + 10)])
        invoices = (payments.counterparty >= SUPPLIERS) & (payments.counterparty < FRAUD_CODE_START)
        public = (payments.device >= FIRST_CODE) & (payments.device < FRAUD_CODE_START)
        found.append(payments.take(invoices | public))
    calm, wild = found
    assert len(calm) > 30
    assert (calm.user == wild.user).all()
    assert (calm.cents == wild.cents).all()
