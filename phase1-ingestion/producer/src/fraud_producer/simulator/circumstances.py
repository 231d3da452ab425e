"""What changes in people's and merchants' lives: trips, new phones, merchants whose data is in the wrong hands.

Each is drawn per epoch of fixed length, so any day can be asked for without walking through the days before it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import (
    CITY_LATITUDE,
    CITY_LONGITUDE,
    TRAVEL_SHARES,
    Floats,
    Ints,
    distance_km,
    weights,
)
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.population import Users
from fraud_producer.simulator.randomness import Purpose, generator

TRIP_EPOCH_DAYS: Final = 28
TRIP_SHARE: Final = 0.24
PHONE_EPOCH_DAYS: Final = 60
NEW_PHONE_SHARE: Final = 0.30
PHONE_EPOCHS_BACK: Final = 6
COMPROMISE_EPOCH_DAYS: Final = 30
COMPROMISE_SHARE: Final = 0.03
COMPROMISE_LONGEST_DAYS: Final = 50
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
        goes = rng.random(count) < TRIP_SHARE
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
    intensity = np.zeros(len(merchants))
    sells_online = (merchants.mode == Mode.ONLINE) | (merchants.mode == Mode.BOTH)
    last = day // COMPROMISE_EPOCH_DAYS
    for epoch in (last - 2, last - 1, last):
        rng = generator(seed, Purpose.COMPROMISES, epoch)
        weakness = np.sqrt(merchants.fraud_affinity)
        hit = rng.random(len(merchants)) < COMPROMISE_SHARE * weakness / weakness.mean()
        since = epoch * COMPROMISE_EPOCH_DAYS + rng.integers(0, COMPROMISE_EPOCH_DAYS, len(merchants))
        until = since + rng.integers(20, COMPROMISE_LONGEST_DAYS, len(merchants))
        strength = rng.gamma(2.0, 1.0, len(merchants))
        active = hit & sells_online & (since <= day) & (day < until)
        intensity = np.where(active, intensity + strength, intensity)
    chosen = np.flatnonzero(intensity)
    return chosen, weights(intensity[chosen]) if len(chosen) else np.zeros(0)
