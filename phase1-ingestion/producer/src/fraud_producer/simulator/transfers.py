"""A day of honest transfers: rent, savings, friends, collections, and large sums in pieces.

The honest look-alikes are deliberate. Tenants pay into one landlord's account and friends into one organiser's, who
passes it on at once; who pays for a car stays just below the bank's own limit, more than once a day; some send money to
their family abroad. A transfer's merchant is the transfer service of the payer's bank (``merchants.transfer_service``),
and it is made from an account: there is no card in it.
"""

from datetime import date
from typing import Final, NamedTuple

import numpy as np

from fraud_producer.simulator.circumstances import phones
from fraud_producer.simulator.config import DAY_US, SimulationConfig
from fraud_producer.simulator.geography import COUNTRIES, Bools, Floats, Ints, weights
from fraud_producer.simulator.merchants import Merchants
from fraud_producer.simulator.payments import Channel, Kind, Payments
from fraud_producer.simulator.population import HOUR_US, Users, home_addresses, local_times, phone_codes

DAYS_PER_MONTH: Final = 365.25 / 12
# Of all payments, those to friends and family; of these, the ones that go abroad.
FRIENDS_SHARE: Final = 0.012
ABROAD_SHARE: Final = 0.05
# How many days pass between two large sums of one user, and how many of these are kept below the bank's limit.
LARGE_SUM_DAYS: Final = 500.0
BELOW_LIMIT_SHARE: Final = 0.3
SPLIT_SHARE: Final = 0.35
COLLECTIONS_PER_PAYMENT: Final = 0.4 / 5000
COLLECTORS: Final = (4, 9)
# Where there are many users for few payments, most keep their main account elsewhere.
STANDING_LIMIT: Final = 0.05

# Ranges of codes of accounts at other banks, below those of fraudsters (``payments.FRAUD_CODE_START``).
LANDLORDS: Final = 1 << 32
SAVINGS: Final = 2 << 32
SELLERS: Final = 3 << 32
RELATIVES: Final = 4 << 32
SUPPLIERS: Final = 5 << 32


def expected_transfers(config: SimulationConfig, users: Users) -> float:
    """Transfers of a mean day: the other payments of the day are as many fewer."""
    friends = FRIENDS_SHARE * config.transactions_per_day
    collections = COLLECTIONS_PER_PAYMENT * config.transactions_per_day * ((sum(COLLECTORS) - 1) / 2 + 1)
    return friends + collections + kept_share(config, users) * _standing(users)


def kept_share(config: SimulationConfig, users: Users) -> float:
    """Share of users whose main account is here, so that rents and savings do not outnumber the purchases."""
    return min(1.0, STANDING_LIMIT * config.transactions_per_day / _standing(users))


def _standing(users: Users) -> float:
    monthly = np.count_nonzero(users.rent_cents) + np.count_nonzero(users.savings_cents)
    return float(monthly / DAYS_PER_MONTH + len(users) * (1 + BELOW_LIMIT_SHARE * SPLIT_SHARE) / LARGE_SUM_DAYS)


class _Orders(NamedTuple):
    """Who transfers how much to which account when, in microseconds of the day; the bank itself does the unattended."""

    user: Ints
    moment: Ints
    cents: Ints
    counterparty: Ints
    place: Ints
    unattended: Bools


def honest_transfers(
    rng: np.random.Generator,
    config: SimulationConfig,
    users: Users,
    merchants: Merchants,
    day: int,
    when: date,
    factor: float,
) -> Payments:
    """A day's honest transfers, unordered."""
    here = users.main_account < kept_share(config, users)
    parts = [
        _rents(rng, users, here, when),
        _savings(rng, users, here, when),
        _large_sums(rng, config, users, here),
        _to_friends(rng, config, users, factor),
        *_collections(rng, config, users),
    ]
    orders = _Orders(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    user = orders.user
    return transfers(
        rng,
        users,
        merchants,
        user=user,
        event_time=day * DAY_US + orders.moment.clip(0, DAY_US - 1),
        cents=orders.cents,
        counterparty=orders.counterparty,
        counterparty_place=orders.place,
        device=np.where(orders.unattended, 0, phone_codes(user, phones(config.seed, len(users), day)[user])),
        address=np.where(orders.unattended, 0, home_addresses(users, user)),
        latitude=np.where(orders.unattended, np.nan, users.latitude[user]),
        longitude=users.longitude[user],
    )


def transfers(
    rng: np.random.Generator,
    users: Users,
    merchants: Merchants,
    *,
    user: Ints,
    event_time: Ints,
    cents: Ints,
    counterparty: Ints,
    counterparty_place: Ints,
    device: Ints,
    address: Ints,
    latitude: Floats,
    longitude: Floats,
) -> Payments:
    """Transfers from these users' accounts to ``counterparty``, codes as in ``payments.account_ids``."""
    count = len(user)
    mobile = (rng.random(count) < 0.6) & (device > 0)
    return Payments(
        event_time=event_time,
        user=user,
        merchant=merchants.transfer_service[users.country[user]],
        cents=cents,
        card=np.full(count, -1, dtype=np.int64),
        channel=np.where(mobile, Channel.MOBILE, Channel.ONLINE).astype(np.int64),
        kind=np.full(count, Kind.TRANSFER, dtype=np.int64),
        card_present=np.zeros(count, dtype=np.bool_),
        device=device,
        address=address,
        place=users.country[user],
        latitude=np.where(np.isnan(latitude), np.nan, latitude + rng.normal(0, 0.05, count)),
        longitude=longitude + rng.normal(0, 0.07, count),
        counterparty=counterparty,
        counterparty_place=counterparty_place,
        scenario=np.zeros(count, dtype=np.int64),
        episode=np.zeros(count, dtype=np.int64),
    )


def _rents(rng: np.random.Generator, users: Users, here: Bools, when: date) -> _Orders:
    """The same amount every month, by standing order in the night or by hand."""
    user = np.flatnonzero(here & (users.rent_cents > 0) & (users.rent_day == when.day))
    standing = users.standing_order[user]
    night = rng.integers(0, 4 * HOUR_US, len(user))
    return _Orders(
        user,
        np.where(standing, night, local_times(rng, users, user)),
        users.rent_cents[user],
        LANDLORDS + users.landlord[user],
        users.country[user],
        standing,
    )


def _savings(rng: np.random.Generator, users: Users, here: Bools, when: date) -> _Orders:
    """A part of the salary, moved to the user's own account elsewhere on the day it is paid."""
    user = np.flatnonzero(here & (users.savings_cents > 0) & (users.payday == when.day))
    return _Orders(
        user,
        local_times(rng, users, user),
        users.savings_cents[user],
        SAVINGS + user,
        users.savings_place[user],
        np.zeros(len(user), dtype=np.bool_),
    )


def _large_sums(rng: np.random.Generator, config: SimulationConfig, users: Users, here: Bools) -> _Orders:
    """A car, a kitchen, an inheritance to share; some stay just below the limit and send the rest separately."""
    user = np.flatnonzero(here & (rng.random(len(users)) < 1 / LARGE_SUM_DAYS))
    count = len(user)
    limit = config.structuring_threshold
    below = rng.random(count) < BELOW_LIMIT_SHARE
    split = below & (rng.random(count) < SPLIT_SHARE)
    share = rng.choice([0.90, 0.95, 0.98, 0.99, 0.999, 0.9999], count)
    any_sum = np.round(limit * rng.lognormal(-0.4, 0.6, count).clip(0.1, 2.5) / 100) * 100
    amount = np.where(below, np.floor(limit * share), any_sum)
    moment = local_times(rng, users, user)
    seller = SELLERS + rng.integers(0, 1 << 30, count)
    rest = np.where(rng.random(count) < 0.4, amount, np.round(limit * rng.uniform(0.1, 0.9, count) / 50) * 50)
    pieces = np.concatenate([np.arange(count), np.flatnonzero(split)])
    later = np.concatenate([moment, moment[split] + (rng.uniform(0.1, 6, split.sum()) * HOUR_US).astype(np.int64)])
    return _Orders(
        user[pieces],
        later,
        np.round(100 * np.concatenate([amount, rest[split]])).astype(np.int64),
        seller[pieces],
        users.country[user[pieces]],
        np.zeros(len(pieces), dtype=np.bool_),
    )


def _to_friends(rng: np.random.Generator, config: SimulationConfig, users: Users, factor: float) -> _Orders:
    """What somebody owes a friend, or sends to his family abroad."""
    count = int(rng.poisson(FRIENDS_SHARE * config.transactions_per_day * factor))
    user = rng.choice(len(users), count, p=weights(users.activity)).astype(np.int64)
    friend = users.friends[user, rng.integers(0, users.friends.shape[1], count)]
    abroad = rng.random(count) < ABROAD_SHARE
    place = np.where(abroad, (users.country[user] + 1 + user) % len(COUNTRIES), users.country[friend])
    amount = rng.lognormal(3.4, 0.9, count) * np.where(abroad, 6.0, 1.0)
    cents = np.where(rng.random(count) < 0.6, np.ceil(amount / 5) * 500, np.round(amount * 100)).clip(100, None)
    return _Orders(
        user,
        local_times(rng, users, user),
        cents.astype(np.int64),
        np.where(abroad, RELATIVES + user, 1 + friend),
        place,
        np.zeros(count, dtype=np.bool_),
    )


def _collections(rng: np.random.Generator, config: SimulationConfig, users: Users) -> list[_Orders]:
    """Friends pay the same into one organiser's account, who passes it on within hours: a present, a holiday house."""
    count = int(rng.poisson(COLLECTIONS_PER_PAYMENT * config.transactions_per_day))
    organiser = rng.integers(0, len(users), count)
    sizes = rng.integers(*COLLECTORS, count)
    each = (rng.choice([10, 15, 20, 30, 50, 80, 120, 250, 400], count) * 100).astype(np.int64)
    start = local_times(rng, users, organiser)
    seller = SELLERS + rng.integers(0, 1 << 30, count)
    which = np.repeat(np.arange(count, dtype=np.int64), sizes)
    friend = users.friends[organiser[which], rng.integers(0, users.friends.shape[1], len(which))]
    anybody = rng.integers(0, len(users), len(which))
    payer = np.where((rng.random(len(which)) < 0.5) | (anybody == organiser[which]), friend, anybody)
    attended = np.zeros(len(which), dtype=np.bool_)
    into = _Orders(
        payer,
        start[which] + rng.integers(0, 5 * HOUR_US, len(which)),
        each[which],
        1 + organiser[which],
        users.country[organiser[which]],
        attended,
    )
    onward = _Orders(
        organiser,
        start + rng.integers(5 * HOUR_US, 8 * HOUR_US, count),
        each * (sizes + 1),
        seller,
        users.country[organiser],
        attended[:count],
    )
    return [into, onward]
