"""Every fraud scenario makes the pattern that it is named for, and honest people do some of it too."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fraud_producer.simulator import World
from fraud_producer.simulator.circumstances import (
    compromised_merchants,
    compromised_terminals,
    crooked_merchants,
    mules,
    phones,
    rising_spenders,
)
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import distance_km
from fraud_producer.simulator.merchants import Mode
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, Kind, Payments, join
from fraud_producer.simulator.population import computer_codes, phone_codes
from fraud_producer.simulator.randomness import Purpose
from fraud_producer.simulator.scenarios import SCENARIOS, Stage
from fraud_producer.simulator.scenarios.structuring import structuring
from fraud_producer.simulator.shares import DEFAULT_SHARES

DAY = 20_700
HOUR_US = 3_600_000_000
Play = Callable[[str], Payments]


@pytest.fixture(scope="module")
def world(world_of_day: Callable[[int], World]) -> World:
    return world_of_day(DAY)


@pytest.fixture(scope="module")
def stage(stage_of: Callable[[int, Purpose], Stage]) -> Stage:
    return stage_of(DAY, Purpose.FRAUD)


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


def most_within(span_us: int, moments: np.ndarray) -> int:
    """The most of these moments that lie within one span."""
    ordered = np.sort(moments)
    return int((np.searchsorted(ordered, ordered + span_us) - np.arange(len(ordered))).max())


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


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_payment_belongs_to_one_of_the_episodes(scenario, play: Play) -> None:
    payments = play(scenario.name)
    assert set(payments.episode.tolist()) == set(range(150))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_episode_alone_can_be_played(scenario, stage: Stage) -> None:
    payments = scenario.play(stage, 1)
    assert set(payments.episode.tolist()) == {0}


def test_card_testing_is_a_run_of_small_remote_payments_from_one_foreign_device(play: Play) -> None:
    payments = play("card_testing")
    assert is_remote(payments).all()
    assert not payments.card_present.any()
    assert (payments.device >= FRAUD_CODE_START).all()
    episodes = groups(payments.episode)
    for rows in episodes:
        assert len(set(payments.user[rows])) == 1
        assert len(set(payments.device[rows])) == 1
        assert (payments.cents[rows] <= 2400).sum() >= 2
    spans = [np.ptp(np.sort(payments.event_time[rows])[:3]) for rows in episodes]
    assert np.mean(np.array(spans) < HOUR_US / 4) > 0.5
    assert np.mean([payments.cents[rows].max() > 2400 for rows in episodes]) > 0.4


def test_velocity_burst_is_many_payments_at_tills_near_home_within_hours(play: Play, world: World) -> None:
    payments = play("velocity_burst")
    assert np.isin(payments.channel, (Channel.POS, Channel.ATM)).all()
    assert (payments.place == world.users.country[payments.user]).all()
    counts = [most_within(HOUR_US, payments.event_time[rows]) for rows in groups(payments.episode)]
    assert np.mean(np.array(counts) >= 4) > 0.4
    assert np.mean(np.array(counts) <= 3) > 0.1, "some are careful"


def test_impossible_travel_is_faster_than_an_aeroplane(play: Play, stage: Stage) -> None:
    payments = play("impossible_travel")
    honest = stage.honest
    fast = []
    for rows in groups(payments.episode):
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
    for rows in groups(payments.episode):
        assert len(set(payments.merchant[rows])) == 1


def test_a_merchant_stays_compromised_for_weeks(world: World) -> None:
    today = set(compromised_merchants(world.config.seed, world.merchants, DAY)[0])
    in_two_weeks = set(compromised_merchants(world.config.seed, world.merchants, DAY + 14)[0])
    in_half_a_year = set(compromised_merchants(world.config.seed, world.merchants, DAY + 180)[0])
    assert 4 <= len(today) <= 40
    assert len(today & in_two_weeks) > len(today & in_half_a_year)


def test_card_not_present_spike_is_many_sites_within_an_hour_by_who_hardly_buys_online(
    play: Play, world: World, stage: Stage
) -> None:
    payments = play("card_not_present_spike")
    assert is_remote(payments).all()
    assert not payments.card_present.any()
    assert world.users.online[payments.user].mean() < 0.7 * world.users.online.mean()
    counts, sites = [], []
    for rows in groups(payments.episode):
        assert len(set(payments.user[rows])) == 1
        assert len(set(payments.address[rows])) == len(rows), "the address changes each time"
        counts.append(most_within(HOUR_US, payments.event_time[rows]))
        sites.append(len(set(payments.merchant[rows])) / len(rows))
    assert np.mean(np.array(counts) >= 4) > 0.4
    assert np.mean(np.array(counts) <= 3) > 0.1, "some are careful"
    assert np.mean(sites) > 0.7
    assert 0.3 < (payments.device == 0).mean() < 0.7, "guests have no device"
    spikes = [
        most_within(HOUR_US, stage.honest.event_time[rows]) >= 5
        for rows in groups(np.where(is_remote(stage.honest), stage.honest.user, -1))[1:]
    ]
    assert np.mean(spikes) < 0.01, "rare among honest people, and yet there"


def test_brute_force_login_pays_from_several_accounts_at_one_address(play: Play, stage: Stage) -> None:
    payments = play("brute_force_login")
    assert is_remote(payments).all()
    assert (payments.device >= FRAUD_CODE_START).all()
    accounts = []
    for rows in groups(payments.episode):
        assert len(set(payments.address[rows])) == 1
        assert np.ptp(payments.event_time[rows]) < 6 * HOUR_US
        accounts.append(len(set(payments.user[rows])))
    assert {1, 2, 3} <= set(accounts)
    home = stage.honest.take(stage.honest.address > 0)
    families = [len(set(home.user[rows].tolist())) for rows in groups(home.address)]
    assert 1.0 < np.mean(families) < 1.1, "honest people share an address too, at home"


def test_structuring_is_a_run_of_transfers_just_under_the_threshold(play: Play, stage: Stage) -> None:
    payments = play("structuring")
    assert (payments.kind == Kind.TRANSFER).all()
    assert (payments.cents >= 900_000).all()
    assert (payments.cents < 1_000_000).all()
    for rows in groups(payments.episode):
        assert len(set(payments.user[rows])) == 1
        assert 3 <= len(rows) <= 5
        assert payments.cents[rows].sum() > 1_000_000
        assert len(set(payments.counterparty[rows])) <= 2
        assert np.ptp(payments.event_time[rows]) < 10 * HOUR_US
    own = stage.own_phones(payments.user)
    assert (payments.device == own).all(), "the account holder does it himself"


@pytest.mark.parametrize("threshold", [100.0, 999.99, 10_000.0, 1_000_000.0])
def test_structuring_keeps_to_the_band_of_any_threshold(stage: Stage, threshold: float) -> None:
    config = replace(stage.config, structuring_threshold=threshold)
    cents = structuring(replace(stage, config=config), 300).cents
    assert cents.min() >= 90 * threshold - 1
    assert cents.max() < 100 * threshold


def test_shared_device_ring_is_strangers_on_one_device(play: Play, world: World, stage: Stage) -> None:
    payments = play("shared_device_ring")
    assert is_remote(payments).all()
    assert (payments.device >= FRAUD_CODE_START).all()
    addresses = []
    for rows in groups(payments.episode):
        assert len(set(payments.device[rows])) == 1
        assert 3 <= len(rows) <= 14
        addresses.append(len(set(payments.address[rows])))
    members = [len(set(world.users.household[payments.user[rows]])) for rows in groups(payments.episode)]
    assert np.mean(np.array(members) >= 3) > 0.95
    assert 0.3 < np.mean(np.array(addresses) == 1) < 0.7, "some hide behind many addresses"
    used = stage.honest.take(stage.honest.device > 0)
    families = [len(set(used.user[rows].tolist())) for rows in groups(used.device)]
    assert np.mean(np.array(families) >= 3) < 0.005


def test_compromised_terminal_uses_copies_of_its_customers_cards_elsewhere(play: Play, world: World) -> None:
    payments = play("compromised_terminal")
    terminals, _ = compromised_terminals(world.config.seed, world.merchants, DAY)
    assert np.isin(payments.channel, (Channel.POS, Channel.ATM, Channel.MOBILE)).all()
    assert payments.card_present.mean() > 0.9
    for rows in groups(payments.episode):
        customers = set(payments.user[rows].tolist())
        assert len(customers) <= 3
        common = set.intersection(*(set(world.users.favourites[user].tolist()) for user in customers))
        assert common & set(terminals.tolist()), "they were customers of one terminal"
    placed = payments.take(~np.isnan(payments.latitude))
    away = distance_km(
        world.users.latitude[placed.user], world.users.longitude[placed.user], placed.latitude, placed.longitude
    )
    assert np.mean(away > 40) > 0.95


def test_merchant_fraud_charges_strangers_at_one_small_merchant_without_a_device(play: Play, world: World) -> None:
    payments = play("merchant_fraud")
    assert (payments.device == 0).all()
    assert (payments.address == 0).all()
    assert np.isnan(payments.latitude).all()
    assert not payments.card_present.any()
    online = world.merchants.popularity[world.merchants.mode == Mode.ONLINE]
    assert (world.merchants.popularity[payments.merchant] <= np.median(online)).all()
    same = []
    for rows in groups(payments.episode):
        assert len(set(payments.merchant[rows])) == 1
        assert len(set(payments.user[rows])) >= 3
        assert np.ptp(payments.event_time[rows]) <= 4 * HOUR_US
        same.append(len(set(payments.cents[rows])) == 1)
    assert 0.4 < np.mean(same) < 0.8


def test_a_small_merchant_has_hardly_ever_that_many_honest_customers(world: World, stage: Stage) -> None:
    crooked = crooked_merchants(world.config.seed, world.merchants, DAY)
    honest = stage.honest.take(np.isin(stage.honest.merchant, crooked))
    busiest = [most_within(4 * HOUR_US, honest.event_time[rows]) for rows in groups(honest.merchant)]
    assert np.mean(np.array(busiest) >= 5) < 0.1
    in_a_year = crooked_merchants(world.config.seed, world.merchants, DAY + 365)
    assert 1 <= len(crooked) <= 30
    assert set(crooked) != set(in_a_year)


def test_mule_account_gathers_transfers_and_passes_them_on(play: Play, world: World, stage: Stage) -> None:
    payments = play("mule_account")
    assert (payments.kind == Kind.TRANSFER).all()
    lending = set(mules(world.config.seed, len(world.users), DAY).tolist())
    assert 5 < len(lending) < 60
    quick, abroad = [], []
    for rows in groups(payments.episode):
        inside = rows[payments.counterparty[rows] <= len(world.users)]
        out = rows[payments.counterparty[rows] > len(world.users)]
        (account,) = set(payments.counterparty[inside].tolist())
        mule = account - 1
        assert mule in lending
        assert set(payments.user[out].tolist()) == {mule}
        assert mule not in payments.user[inside]
        assert 3 <= len(inside) <= 6
        assert 1 <= len(out) <= 2
        gathered = payments.cents[inside].sum()
        assert 0.8 * gathered < payments.cents[out].sum() < gathered
        assert payments.event_time[out].min() > payments.event_time[inside].max()
        quick.append(payments.event_time[out].max() - payments.event_time[inside].max() < 3 * HOUR_US)
        abroad.append((payments.counterparty_place[out] != world.users.country[mule]).any())
    assert np.mean(quick) > 0.9
    assert np.mean(abroad) > 0.4
    sent = payments.take(payments.counterparty <= len(world.users))
    assert 0.5 < (sent.device == stage.own_phones(sent.user)).mean() < 0.9, "most were talked into it"


def test_bust_out_takes_all_at_once_with_the_customers_own_card_and_phone(
    play: Play, world: World, stage: Stage
) -> None:
    payments = play("bust_out")
    _, near_the_top = rising_spenders(world.config.seed, len(world.users), DAY)
    assert set(payments.user.tolist()) <= set(near_the_top.tolist())
    remote = is_remote(payments)
    assert 0.2 < remote.mean() < 0.6
    assert (payments.device[remote] == stage.own_phones(payments.user[remote])).all()
    mean = np.exp(np.log(stage.honest.cents[stage.honest.kind == Kind.PURCHASE]).mean())
    for rows in groups(payments.episode):
        assert len(set(payments.user[rows])) == 1
        assert 5 <= len(rows) <= 9
        assert np.ptp(payments.event_time[rows]) < 7 * HOUR_US
    assert np.exp(np.log(payments.cents).mean()) > 3 * mean


def test_most_who_spend_more_and_more_never_bust_out(world: World) -> None:
    days = range(DAY, DAY + 60)
    rises = [rising_spenders(world.config.seed, len(world.users), day) for day in days]
    rising = np.stack([rise for rise, _ in rises])
    assert 0.01 < (rising > 0).mean() < 0.06
    one = rising[:, np.argmax(rising.max(axis=0))]
    assert (np.diff(one[one > 0])[:10] > 0).all(), "it goes up day by day"
    tops = set(np.concatenate([top for _, top in rises]).tolist())
    episodes_of_two_months = 60 * 5000 * world.config.fraud_rate * DEFAULT_SHARES["bust_out"] / 7.0
    assert len(tops) > 5 * episodes_of_two_months


def test_quiet_misuse_looks_like_its_victims_own_payments(play: Play) -> None:
    payments = play("quiet_misuse")
    assert (payments.device < FRAUD_CODE_START).all()
    assert len(set(payments.user)) > 100


def test_fraud_amounts_overlap_honest_ones(play: Play, stage: Stage) -> None:
    honest = np.percentile(stage.honest.cents, [5, 99])
    for scenario in SCENARIOS:
        if scenario.name == "structuring":
            continue  # what it overlaps are the few large sums of test_transfers.py
        cents = play(scenario.name).cents
        assert np.mean((cents > honest[0]) & (cents < honest[1])) > 0.2, scenario.name


@pytest.fixture(scope="module")
def week(world: World) -> Payments:
    days = join([world.payments_of_day(day)[0] for day in range(DAY, DAY + 7)])
    return days.take(days.scenario == 0)


class TestPatternsAreRareAmongHonestPayments:
    """Rare, so that a pattern says something; mostly not absent, so that it does not say everything."""

    def test_velocity_bursts(self, week: Payments) -> None:
        at_till = week.take(np.isin(week.channel, (Channel.POS, Channel.ATM)))
        bursts = [most_within(HOUR_US, at_till.event_time[rows]) >= 4 for rows in groups(at_till.user)]
        # 0.055 in the mean over seeds, and not more of it where more is fraud: honest payments are the rest of all
        assert 0.04 < np.mean(bursts) < 0.06

    def test_impossible_travel(self, week: Payments) -> None:
        placed = week.take(np.isin(week.channel, (Channel.POS, Channel.ATM)) & ~np.isnan(week.latitude))
        placed = placed.take(np.lexsort((placed.event_time, placed.user)))
        kilometres = distance_km(placed.latitude[:-1], placed.longitude[:-1], placed.latitude[1:], placed.longitude[1:])
        hours = np.diff(placed.event_time) / HOUR_US
        fast = (kilometres > 100) & (kilometres > 900 * hours) & (placed.user[1:] == placed.user[:-1])
        assert 0.0002 < fast.mean() < 0.002

    def test_card_testing(self, week: Payments) -> None:
        small = week.take(is_remote(week) & (week.cents < 600) & (week.device > 0))
        runs = [most_within(HOUR_US // 4, small.event_time[rows]) >= 3 for rows in groups(small.device)]
        assert 0.002 < np.mean(runs) < 0.03

    def test_devices_of_three_people(self, week: Payments) -> None:
        used = week.take(week.device > 0)
        people = [len(set(used.user[rows].tolist())) for rows in groups(used.device)]
        assert 0.001 < np.mean(np.array(people) >= 3) < 0.01

    def test_transfers_just_under_the_threshold(self, week: Payments) -> None:
        near = week.take((week.kind == Kind.TRANSFER) & (week.cents >= 900_000) & (week.cents < 1_000_000))
        several = [most_within(DAY_US, near.event_time[rows]) >= 3 for rows in groups(near.user)]
        assert 0.1 < np.mean(several) < 0.5

    def test_payments_from_devices_that_were_not_seen_before_this_week(self, week: Payments, world: World) -> None:
        everybody = np.arange(len(world.users), dtype=np.int64)
        seen: set[int] = set(computer_codes(world.users, everybody).tolist())
        for day in range(DAY - 60, DAY):
            seen |= set(phone_codes(everybody, phones(world.config.seed, len(everybody), day)).tolist())
        new = np.array([device not in seen for device in week.device[week.device > 0].tolist()])
        assert 0.01 < new.mean() < 0.08

    def test_transfers_to_an_account_that_others_pay_into_as_well(self, week: Payments) -> None:
        sent = week.take(week.kind == Kind.TRANSFER)
        payers = np.array([len(set(sent.user[rows].tolist())) for rows in groups(sent.counterparty)])
        assert 0.005 < np.mean(payers >= 3) < 0.2


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

    def test_people_spend_more_and_more_for_weeks(self, world: World) -> None:
        more, usual = [], []
        for day in range(DAY, DAY + 20):
            payments, _ = world.payments_of_day(day)
            rise, _ = rising_spenders(world.config.seed, len(world.users), day)
            bought = payments.take((payments.scenario == 0) & (payments.kind == Kind.PURCHASE))
            unlike_him = np.log(bought.cents) - world.merchants.log_amount[bought.merchant]
            unlike_him -= world.users.spending[bought.user]
            more.append(unlike_him[rise[bought.user] > 0.4])
            usual.append(unlike_him[rise[bought.user] == 0])
        assert len(np.concatenate(more)) > 300
        assert np.concatenate(more).mean() > 0.35 + np.concatenate(usual).mean()

    def test_people_get_new_phones(self, world: World) -> None:
        before, after = (phones(world.config.seed, 2000, day) for day in (DAY, DAY + 30))
        assert 0.03 < (before != after).mean() < 0.4

    def test_a_familys_computer_pays_for_several_people_and_no_other_device_does(
        self, stage: Stage, world: World
    ) -> None:
        used = stage.honest.take(stage.honest.device > 0)
        shared = 0
        for device in np.unique(used.device):
            owners = set(used.user[used.device == device].tolist())
            assert len(set(world.users.household[list(owners)])) == 1
            shared += len(owners) > 1
        assert shared >= 5

    def test_merchants_charge_by_themselves_every_month_without_a_device(self, stage: Stage, world: World) -> None:
        bare = is_remote(stage.honest) & (stage.honest.device == 0) & (stage.honest.kind == Kind.PURCHASE)
        assert bare.sum() > 50
        assert world.merchants.charges_monthly[stage.honest.merchant[bare]].all()
