"""A day of honest payments, as columns: habits, trips, sprees, big purchases, presents, new phones, families.

The honest look-alikes are deliberate. A traveller pays far from home, a shopping trip is a burst of payments, a sofa is
a large amount, a present comes from a shop of a kind that its giver never enters, a new phone is an unknown device, a
family's computer pays for several people, a subscription is charged without any device, a VPN puts an address in
another country: none of them is fraud. Those of transfers are in ``transfers``, whole episodes in ``look_alikes``.
"""

from typing import Final

import numpy as np

from fraud_producer.simulator.circumstances import phones, rising_spenders, whereabouts
from fraud_producer.simulator.config import DAY_US, SimulationConfig, date_of
from fraud_producer.simulator.geography import (
    CITY_COUNTRY,
    CITY_LATITUDE,
    CITY_LONGITUDE,
    COUNTRIES,
    Bools,
    Floats,
    Ints,
    weights,
)
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.payments import Channel, Kind, Payments, join
from fraud_producer.simulator.population import Users, computer_codes, home_addresses, local_times, phone_codes
from fraud_producer.simulator.seasons import WEEKDAY_HABITS, gift_share, weekday_of
from fraud_producer.simulator.transfers import expected_transfers, honest_transfers

FAVOURITE_SHARE: Final = 0.66
SPREE_SHARE: Final = 0.035
BIG_PURCHASE_SHARE: Final = 0.012
VPN_SHARE: Final = 0.03
NO_POSITION_SHARE: Final = 0.04
REFUND_SHARE: Final = 0.004
KEYED_CARD_SHARE: Final = 0.006
WALLET_SHARE: Final = 0.25
# Monthly charges that a merchant makes by himself: no device of the customer takes part.
RECURRING_SHARE: Final = 0.6


def honest_payments(
    rng: np.random.Generator, config: SimulationConfig, users: Users, merchants: Merchants, day: int, factor: float
) -> Payments:
    """A day's honest payments and transfers, unordered."""
    when = date_of(day)
    purchases = config.transactions_per_day * (1 - config.fraud_rate) - expected_transfers(config, users)
    habit = users.activity * WEEKDAY_HABITS[users.weekdays, weekday_of(day)]
    per_user = rng.poisson(habit * purchases * factor / len(users) / (1 + SPREE_SHARE * 2.5))
    user = np.repeat(np.arange(len(users), dtype=np.int64), per_user)
    event_time = day * DAY_US + local_times(rng, users, user)
    calm = pay(rng, config, users, merchants, day, user, event_time)
    sprees = _sprees(rng, config, users, merchants, day, calm)
    return join([calm, sprees, honest_transfers(rng, config, users, merchants, day, when, factor)])


def pay(
    rng: np.random.Generator,
    config: SimulationConfig,
    users: Users,
    merchants: Merchants,
    day: int,
    user: Ints,
    event_time: Ints,
) -> Payments:
    """One ordinary payment by each of these users at each of these moments."""
    city = whereabouts(config.seed, users, day).away(user, event_time)
    # who sits in an aeroplane pays nothing there: he ordered something from home
    at_home = city < 0
    country = np.where(at_home, users.country[user], CITY_COUNTRY[city])
    spending = users.spending + rising_spenders(config.seed, len(users), day)[0]
    is_gift = rng.random(len(user)) < gift_share(date_of(day))
    merchant = _choose_merchants(rng, users, merchants, user, country, city, is_gift)
    channel = _choose_channels(rng, merchants, merchant, country)
    remote = (channel == Channel.ONLINE) | (channel == Channel.MOBILE)
    count = len(user)
    latitude = np.where(at_home, users.latitude[user], CITY_LATITUDE[city]) + rng.normal(0, 0.05, count)
    longitude = np.where(at_home, users.longitude[user], CITY_LONGITUDE[city]) + rng.normal(0, 0.07, count)
    vpn = remote & (rng.random(count) < VPN_SHARE)
    exit_city = rng.integers(0, len(CITY_LATITUDE), count)
    latitude = np.where(vpn, CITY_LATITUDE[exit_city], latitude)
    longitude = np.where(vpn, CITY_LONGITUDE[exit_city], longitude)
    unattended = remote & merchants.charges_monthly[merchant] & (rng.random(count) < RECURRING_SHARE)
    nowhere = unattended | (rng.random(count) < NO_POSITION_SHARE)
    kind = np.where(channel == Channel.ATM, Kind.WITHDRAWAL, Kind.PURCHASE)
    kind = np.where((rng.random(count) < REFUND_SHARE) & (channel != Channel.ATM), Kind.REFUND, kind)
    return Payments(
        event_time=event_time,
        user=user,
        merchant=merchant,
        cents=_amounts(rng, merchants, spending[user], merchant, channel, is_gift),
        card=(rng.random(count) < users.second_card_share[user]).astype(np.int64),
        channel=channel,
        kind=kind.astype(np.int64),
        card_present=~remote & (rng.random(count) >= KEYED_CARD_SHARE),
        device=np.where(unattended, 0, _devices(rng, config, users, day, user, remote)),
        address=np.where(remote & ~unattended, _addresses(rng, users, user, day, at_home & ~vpn), 0),
        place=np.where(remote, merchants.country[merchant], country),
        latitude=np.where(nowhere, np.nan, latitude),
        longitude=np.where(nowhere, np.nan, longitude),
        counterparty=np.zeros(count, dtype=np.int64),
        counterparty_place=np.full(count, -1, dtype=np.int64),
        scenario=np.zeros(count, dtype=np.int64),
        episode=np.zeros(count, dtype=np.int64),
    )


def _sprees(
    rng: np.random.Generator,
    config: SimulationConfig,
    users: Users,
    merchants: Merchants,
    day: int,
    calm: Payments,
) -> Payments:
    """Shopping trips and evenings out: two to six more payments within two hours of one in the calm day."""
    starts = np.flatnonzero(rng.random(len(calm)) < SPREE_SHARE)
    times = 1 + rng.geometric(0.6, len(starts)).clip(1, 5)
    anchor = np.repeat(starts, times)
    later = calm.event_time[anchor] + (rng.uniform(1, 110, len(anchor)) * 60_000_000).astype(np.int64)
    later = np.minimum(later, (day + 1) * DAY_US - 1)
    return pay(rng, config, users, merchants, day, calm.user[anchor], later)


def _choose_merchants(
    rng: np.random.Generator,
    users: Users,
    merchants: Merchants,
    user: Ints,
    country: Ints,
    city: Ints,
    is_gift: Bools,
) -> Ints:
    count = len(user)
    shares = users.favourite_shares[user].cumsum(axis=1)
    pick = (rng.random(count)[:, None] > shares).sum(axis=1).clip(0, shares.shape[1] - 1 if count else 0)
    favourite = users.favourites[user, pick]
    remote = np.flatnonzero(merchants.mode == Mode.ONLINE)
    anywhere = rng.choice(remote, count, p=weights(merchants.popularity[remote]))
    nearby = np.zeros(count, dtype=np.int64)
    for index in range(len(COUNTRIES)):
        rows = np.flatnonzero(country == index)
        if len(rows):
            local = np.flatnonzero((merchants.country == index) & (merchants.mode != Mode.ONLINE))
            nearby[rows] = rng.choice(local, len(rows), p=weights(merchants.popularity[local]))
    buys_online = (rng.random(count) < users.online[user]) | (city == -2)
    explores = np.where(buys_online, anywhere, nearby)
    reachable = (merchants.mode[favourite] == Mode.ONLINE) | ((merchants.country[favourite] == country) & (city != -2))
    loyal = (rng.random(count) < FAVOURITE_SHARE) & reachable
    chosen = np.where(loyal, favourite, explores)
    gifts = np.flatnonzero(is_gift)
    chosen[gifts] = _gift_shops(rng, merchants, country[gifts], buys_online[gifts])
    return chosen


def _gift_shops(rng: np.random.Generator, merchants: Merchants, country: Ints, online: Bools) -> Ints:
    """Shops for presents, here or online: often ones where the giver buys nothing for himself."""
    draw = rng.random(len(country))
    sites = np.flatnonzero(merchants.sells_gifts & (merchants.mode == Mode.ONLINE))
    chosen: Ints = sites[weights(merchants.popularity[sites]).cumsum().searchsorted(draw).clip(0, len(sites) - 1)]
    for index in np.unique(country[~online]):
        rows = np.flatnonzero(~online & (country == index))
        local = np.flatnonzero(merchants.sells_gifts & (merchants.country == index) & (merchants.mode != Mode.ONLINE))
        shares = weights(merchants.popularity[local]).cumsum()
        chosen[rows] = local[shares.searchsorted(draw[rows]).clip(0, len(local) - 1)]
    return chosen


def _choose_channels(rng: np.random.Generator, merchants: Merchants, merchant: Ints, country: Ints) -> Ints:
    mode = merchants.mode[merchant]
    draw = rng.random(len(merchant))
    online = np.where(draw < 0.62, Channel.ONLINE, Channel.MOBILE)
    shop = np.where(draw < 0.97, Channel.POS, Channel.MOBILE)
    both = np.where(draw < 0.60, Channel.POS, np.where(draw < 0.87, Channel.ONLINE, Channel.MOBILE))
    here = merchants.country[merchant] == country
    chosen = np.select([mode == Mode.ONLINE, mode == Mode.ATM, (mode == Mode.BOTH) & here], [online, Channel.ATM, both])
    chosen = np.where((mode == Mode.BOTH) & ~here, online, chosen)
    return np.where(mode == Mode.SHOP, shop, chosen).astype(np.int64)


def _amounts(
    rng: np.random.Generator, merchants: Merchants, spending: Floats, merchant: Ints, channel: Ints, is_gift: Bools
) -> Ints:
    count = len(merchant)
    log_amount = merchants.log_amount[merchant] + spending + merchants.spread[merchant] * rng.standard_normal(count)
    big = rng.random(count) < BIG_PURCHASE_SHARE
    log_amount = np.where(big, log_amount + rng.uniform(1.2, 2.8, count), log_amount)
    log_amount = np.where(is_gift, log_amount + rng.uniform(0.0, 1.2, count), log_amount)
    return to_cents(np.exp(log_amount), channel == Channel.ATM)


def to_cents(amount: Floats, is_cash: Bools) -> Ints:
    """Whole cents between 0.50 and 15,000; machines pay out tens."""
    cents = np.round(amount.clip(0.5, 15_000) * 100).astype(np.int64)
    cash = np.round(amount.clip(10, 1_000) / 10).astype(np.int64) * 1000
    return np.where(is_cash, cash, cents)


def _devices(
    rng: np.random.Generator, config: SimulationConfig, users: Users, day: int, user: Ints, remote: Bools
) -> Ints:
    """Phone or computer of the owner; at a till only a wallet on the phone has a device."""
    count = len(user)
    computer = rng.random(count) < users.second_device_share[user]
    phone = phones(config.seed, len(users), day)[user]
    code = np.where(computer, computer_codes(users, user), phone_codes(user, phone))
    wallet = rng.random(count) < WALLET_SHARE
    # a computer never pays at a till
    return np.where(remote, code, np.where(wallet & ~computer, code, 0))


def _addresses(rng: np.random.Generator, users: Users, user: Ints, day: int, at_home: Bools) -> Ints:
    """The home connection, or a mobile or foreign one that changes by the day."""
    mobile = rng.random(len(user)) < 0.35
    return np.where(at_home & ~mobile, home_addresses(users, user), (1 + user) * 100_000 + day)
