"""Honest people transfer money too: rent, savings, friends, and large sums that look like structuring."""

import re
from datetime import date

import numpy as np
import pytest

from fraud_contracts import TEXT_PATTERNS
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.merchants import Mode
from fraud_producer.simulator.payments import Channel, Kind, Payments, join, records
from fraud_producer.simulator.transfers import LANDLORDS, RELATIVES, SAVINGS, SELLERS, expected_transfers, kept_share

FIRST = (date(2026, 9, 1) - date(1970, 1, 1)).days
HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SimulationConfig(start_us=FIRST * DAY_US, fraud_rate=0.0), CardHasher(b"k" * 32))


@pytest.fixture(scope="module")
def september(world: World) -> Payments:
    return join([world.payments_of_day(FIRST + number)[0] for number in range(30)])


@pytest.fixture(scope="module")
def sent(september: Payments) -> Payments:
    return september.take(september.kind == Kind.TRANSFER)


def to_range(sent: Payments, first_code: int) -> Payments:
    return sent.take((sent.counterparty >= first_code) & (sent.counterparty < first_code + (1 << 32)))


def test_transfers_are_a_few_per_cent_and_as_many_as_expected(
    world: World, september: Payments, sent: Payments
) -> None:
    assert 0.01 < len(sent) / len(september) < 0.06
    assert len(sent) == pytest.approx(30 * expected_transfers(world.config, world.users), rel=0.1)


def test_a_transfer_goes_through_the_payers_bank_to_an_account(
    world: World, september: Payments, sent: Payments
) -> None:
    assert (world.merchants.mode[sent.merchant] == Mode.TRANSFER).all()
    assert (world.merchants.country[sent.merchant] == world.users.country[sent.user]).all()
    assert (sent.counterparty > 0).all()
    assert (sent.counterparty_place >= 0).all()
    assert (sent.counterparty != 1 + sent.user).all(), "nobody pays into the account that he pays from"
    assert (sent.card == -1).all()
    assert np.isin(sent.channel, (Channel.ONLINE, Channel.MOBILE)).all()
    others = september.take(september.kind != Kind.TRANSFER)
    assert (others.counterparty == 0).all()
    assert (others.card >= 0).all()
    assert (world.merchants.mode[others.merchant] != Mode.TRANSFER).all()


def test_their_records_name_the_account_and_no_card(world: World, sent: Payments) -> None:
    ids = [f"t{number}" for number in range(len(sent))]
    accounts = set(world.users.account_ids)
    inside = 0
    for record, home in zip(records(sent, ids, world.users, world.merchants), sent.user.tolist(), strict=True):
        assert record["transaction_type"] == "TRANSFER"
        assert record["card_hash"] is None
        assert record["card_bin"] is None
        assert record["account_id"] == world.users.account_ids[home]
        assert re.fullmatch(TEXT_PATTERNS["counterparty_id"], record["counterparty_id"])
        assert re.fullmatch(TEXT_PATTERNS["counterparty_country"], record["counterparty_country"])
        assert record["is_international"] == (record["counterparty_country"] != record["country"])
        inside += record["counterparty_id"] in accounts
    assert 0.2 < inside / len(sent) < 0.8, "users pay each other"


def test_tenants_pay_the_same_rent_once_a_month(world: World, sent: Payments) -> None:
    rents = to_range(sent, LANDLORDS)
    here = world.users.main_account < kept_share(world.config, world.users)
    assert sorted(rents.user.tolist()) == np.flatnonzero(here & (world.users.rent_cents > 0)).tolist()
    assert (rents.cents == world.users.rent_cents[rents.user]).all()
    tenants = np.unique(rents.counterparty, return_counts=True)[1]
    assert (tenants >= 3).sum() > 50, "many pay into one account within days"


def test_standing_orders_have_no_device(world: World, sent: Payments) -> None:
    rents = to_range(sent, LANDLORDS)
    assert ((rents.device == 0) == world.users.standing_order[rents.user]).all()
    assert 0.4 < (rents.device == 0).mean() < 0.8


def test_savings_are_round_and_leave_on_payday(world: World, sent: Payments) -> None:
    savings = to_range(sent, SAVINGS)
    assert len(savings) > 500
    assert (savings.cents % 5000 == 0).all()
    assert (1 + (savings.event_time // DAY_US - FIRST) == world.users.payday[savings.user]).all()


def test_honest_sums_lie_just_below_the_limit_too(sent: Payments) -> None:
    large = to_range(sent, SELLERS)
    below = (large.cents >= 900_000) & (large.cents < 1_000_000)
    assert 15 < below.sum() < 150
    pairs = large.take(below)
    _, count = np.unique(pairs.counterparty, return_counts=True)
    assert (count >= 2).any(), "some send two of them"
    assert (large.cents > 1_000_000).any()


def test_the_limit_is_the_setting() -> None:
    config = SimulationConfig(start_us=FIRST * DAY_US, fraud_rate=0.0, structuring_threshold=3000.0)
    world = build_world(config, CardHasher(b"k" * 32))
    sent = join([world.payments_of_day(FIRST + number)[0] for number in range(10)])
    large = to_range(sent.take(sent.kind == Kind.TRANSFER), SELLERS)
    assert ((large.cents >= 270_000) & (large.cents < 300_000)).sum() >= 5
    assert large.cents.max() <= 750_000


def test_friends_collect_money_and_pass_it_on(world: World, sent: Payments) -> None:
    gathered = 0
    received = sent.take(sent.counterparty <= len(world.users))
    for account in np.unique(received.counterparty):
        into = received.take(received.counterparty == account)
        out = sent.take(sent.user == account - 1)
        for moment in out.event_time:
            before = (into.event_time < moment) & (into.event_time > moment - 8 * HOUR_US)
            gathered += len(set(into.user[before])) >= 4
    assert gathered > 5


def test_some_send_money_abroad(world: World, sent: Payments) -> None:
    relatives = to_range(sent, RELATIVES)
    assert len(relatives) > 20
    assert (relatives.counterparty_place != world.users.country[relatives.user]).mean() > 0.8


def test_rents_do_not_outnumber_the_purchases_of_a_small_bank() -> None:
    config = SimulationConfig(start_us=FIRST * DAY_US, customers=2000, transactions_per_day=300, fraud_rate=0.0)
    world = build_world(config, CardHasher(b"k" * 32))
    month = join([world.payments_of_day(FIRST + number)[0] for number in range(30)])
    assert 0.02 < (month.kind == Kind.TRANSFER).mean() < 0.10
    assert len(month) == pytest.approx(30 * 300, rel=0.08)
