"""What changes in people's and merchants' lives: trips, new phones, rising spending, what is in the wrong hands.

Each is drawn per epoch of fixed length, so any day can be asked for without walking through the days before it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_producer.simulator.config import DAY_US, date_of
from fraud_producer.simulator.geography import (
    CITY_LATITUDE,
    CITY_LONGITUDE,
    TRAVEL_SHARES,
    Bools,
    Floats,
    Ints,
    distance_km,
    weights,
)
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.population import Users
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.seasons import travel_factor

TRIP_EPOCH_DAYS: Final = 28
TRIP_SHARE: Final = 0.24
PHONE_EPOCH_DAYS: Final = 60
NEW_PHONE_SHARE: Final = 0.30
PHONE_EPOCHS_BACK: Final = 6
COMPROMISE_EPOCH_DAYS: Final = 30
COMPROMISE_SHARE: Final = 0.03
COMPROMISE_LONGEST_DAYS: Final = 50
TERMINAL_SHARE: Final = 0.02
CROOKED_EPOCH_DAYS: Final = 45
CROOKED_SHARE: Final = 0.10
MULE_EPOCH_DAYS: Final = 30
MULE_SHARE: Final = 0.012
RISE_EPOCH_DAYS: Final = 30
RISE_SHARE: Final = 0.04
RISE_DAYS: Final = 24
# How much more such a customer pays at the end than at the beginning, on the log scale; there he may bust out.
RISE: Final = 0.7
TOP_DAYS: Final = 7
# A card cannot be used abroad sooner than an aeroplane could have carried it, plus the way to the airport.
FLIGHT_KMH: Final = 750.0


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Per user of one day: the trip's city (-1: at home) and when it begins and ends in microseconds."""

    city: Ints
    leaves_us: Ints
    returns_us: Ints
    travel_us: Ints

    def away(self, user: Ints, event_time: Ints) -> Ints:
        """City in which these users are at these moments, -1 when at home; -2 while under way."""
        city = self.city[user]
        travelling = self.travel_us[user]
        leaves, returns = self.leaves_us[user], self.returns_us[user]
        there = (city >= 0) & (event_time >= leaves + travelling) & (event_time < returns)
        under_way = (city >= 0) & (
            ((event_time >= leaves) & (event_time < leaves + travelling))
            | ((event_time >= returns) & (event_time < returns + travelling))
        )
        return np.where(under_way, -2, np.where(there, city, -1))


def whereabouts(seed: int, users: Users, day: int) -> Whereabouts:
    """Trips that touch a day; the later trip wins where two would overlap."""
    count = len(users)
    city = np.full(count, -1, dtype=np.int64)
    leaves = np.zeros(count, dtype=np.int64)
    returns = np.zeros(count, dtype=np.int64)
    travel = np.zeros(count, dtype=np.int64)
    for epoch in (day // TRIP_EPOCH_DAYS - 1, day // TRIP_EPOCH_DAYS):
        rng = generator(seed, Purpose.TRIPS, epoch)
        goes = rng.random(count) < TRIP_SHARE * travel_factor(date_of(epoch * TRIP_EPOCH_DAYS))
        first = (epoch * TRIP_EPOCH_DAYS + rng.integers(0, TRIP_EPOCH_DAYS, count)) * DAY_US
        start = first + (rng.uniform(4, 20, count) * 3_600_000_000).astype(np.int64)
        length = (rng.gamma(2.5, 2.0, count).clip(1, 14) * DAY_US).astype(np.int64)
        target = rng.choice(len(TRAVEL_SHARES), count, p=TRAVEL_SHARES)
        away_km = distance_km(users.latitude, users.longitude, CITY_LATITUDE[target], CITY_LONGITUDE[target])
        journey = ((away_km / FLIGHT_KMH + 1.5) * 3_600_000_000).astype(np.int64)
        goes &= target != users.city
        touches = goes & (start < (day + 1) * DAY_US) & (start + length + journey >= day * DAY_US)
        city = np.where(touches, target, city)
        leaves = np.where(touches, start, leaves)
        returns = np.where(touches, start + length, returns)
        travel = np.where(touches, journey, travel)
    return Whereabouts(city=city, leaves_us=leaves, returns_us=returns, travel_us=travel)


def phones(seed: int, count: int, day: int) -> Ints:
    """Number of the phone each user owns on a day; a new number is a phone that was never seen before."""
    phone = np.zeros(count, dtype=np.int64)
    last = day // PHONE_EPOCH_DAYS
    for epoch in range(last - PHONE_EPOCHS_BACK, last + 1):
        rng = generator(seed, Purpose.PHONES, epoch)
        buys = rng.random(count) < NEW_PHONE_SHARE
        since = epoch * PHONE_EPOCH_DAYS + rng.integers(0, PHONE_EPOCH_DAYS, count)
        phone = np.where(buys & (since <= day), epoch, phone)
    return phone


def compromised_merchants(seed: int, merchants: Merchants, day: int) -> tuple[Ints, Floats]:
    """Merchants whose customers' cards are being abused on a day, and each one's share of that abuse."""
    sells_online = (merchants.mode == Mode.ONLINE) | (merchants.mode == Mode.BOTH)
    return _compromised(seed, Purpose.COMPROMISES, merchants, day, sells_online, COMPROMISE_SHARE)


def compromised_terminals(seed: int, merchants: Merchants, day: int) -> tuple[Ints, Floats]:
    """Merchants at whose tills or cash machines cards were copied that are used now, and each one's share of them."""
    has_terminal = (merchants.mode == Mode.SHOP) | (merchants.mode == Mode.BOTH) | (merchants.mode == Mode.ATM)
    return _compromised(seed, Purpose.TERMINALS, merchants, day, has_terminal, TERMINAL_SHARE)


def _compromised(
    seed: int, purpose: Purpose, merchants: Merchants, day: int, possible: Bools, share: float
) -> tuple[Ints, Floats]:
    intensity = np.zeros(len(merchants))
    last = day // COMPROMISE_EPOCH_DAYS
    for epoch in (last - 2, last - 1, last):
        rng = generator(seed, purpose, epoch)
        weakness = np.sqrt(merchants.fraud_affinity)
        hit = rng.random(len(merchants)) < share * weakness / weakness.mean()
        since = epoch * COMPROMISE_EPOCH_DAYS + rng.integers(0, COMPROMISE_EPOCH_DAYS, len(merchants))
        until = since + rng.integers(20, COMPROMISE_LONGEST_DAYS, len(merchants))
        strength = rng.gamma(2.0, 1.0, len(merchants))
        active = hit & possible & (since <= day) & (day < until)
        intensity = np.where(active, intensity + strength, intensity)
    chosen = np.flatnonzero(intensity)
    return chosen, weights(intensity[chosen]) if len(chosen) else np.zeros(0)


def crooked_merchants(seed: int, merchants: Merchants, day: int) -> Ints:
    """Small online merchants that charge for nothing these days; all small ones where there are none."""
    online = merchants.mode == Mode.ONLINE
    small = online & (merchants.popularity <= np.median(merchants.popularity[online]))
    crooked = np.zeros(len(merchants), dtype=np.bool_)
    last = day // CROOKED_EPOCH_DAYS
    for epoch in (last - 1, last):
        rng = generator(seed, Purpose.CROOKS, epoch)
        turns = rng.random(len(merchants)) < CROOKED_SHARE
        since = epoch * CROOKED_EPOCH_DAYS + rng.integers(0, CROOKED_EPOCH_DAYS, len(merchants))
        crooked |= turns & (since <= day) & (day < since + rng.integers(14, CROOKED_EPOCH_DAYS, len(merchants)))
    chosen = np.flatnonzero(small & crooked)
    return chosen if len(chosen) else np.flatnonzero(small)


def mules(seed: int, count: int, day: int) -> Ints:
    """Users who lend their accounts to somebody these days."""
    lends = np.zeros(count, dtype=np.bool_)
    last = day // MULE_EPOCH_DAYS
    for epoch in (last - 1, last):
        rng = generator(seed, Purpose.MULES, epoch)
        recruited = rng.random(count) < MULE_SHARE
        since = epoch * MULE_EPOCH_DAYS + rng.integers(0, MULE_EPOCH_DAYS, count)
        lends |= recruited & (since <= day) & (day < since + rng.integers(10, MULE_EPOCH_DAYS, count))
    return np.flatnonzero(lends)


def rising_spenders(seed: int, count: int, day: int) -> tuple[Floats, Ints]:
    """By how much each user pays more than usual, on the log scale, and who is in the last days of such a rise."""
    rise = np.zeros(count)
    top = np.zeros(count, dtype=np.bool_)
    last = day // RISE_EPOCH_DAYS
    for epoch in (last - 1, last):
        rng = generator(seed, Purpose.RISES, epoch)
        rises = rng.random(count) < RISE_SHARE
        passed = day - epoch * RISE_EPOCH_DAYS - rng.integers(0, RISE_EPOCH_DAYS, count)
        rising = rises & (passed >= 0) & (passed < RISE_DAYS)
        rise = np.where(rising, RISE * passed / RISE_DAYS, rise)
        top |= rising & (passed >= RISE_DAYS - TOP_DAYS)
    return rise, np.flatnonzero(top)
