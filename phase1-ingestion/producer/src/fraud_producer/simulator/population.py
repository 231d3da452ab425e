"""The users: homes, incomes, habits, cards and devices, all drawn once from the seed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fraud_producer.pan import CardHasher, check_digit, issuer_prefix
from fraud_producer.simulator.geography import (
    CITY_COUNTRY,
    CITY_LATITUDE,
    CITY_LONGITUDE,
    COUNTRIES,
    HOME_SHARES,
    Floats,
    Ints,
    weights,
)
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.randomness import Purpose, generator

FAVOURITES: Final = 10
CARDS: Final = 2
ISSUER_PREFIXES: Final = ("400012", "412345", "451298", "510510", "535522", "222300")

# Shares of a day's payments per local hour: workers, parents and pensioners, students, night owls.
_HOURS: Final = (
    (1, 0, 0, 0, 0, 1, 4, 8, 8, 4, 4, 6, 12, 9, 5, 5, 7, 12, 14, 11, 8, 5, 3, 2),
    (0, 0, 0, 0, 0, 1, 3, 6, 10, 13, 13, 11, 9, 7, 8, 9, 8, 7, 5, 4, 3, 2, 1, 0),
    (3, 2, 1, 1, 0, 0, 1, 3, 5, 6, 7, 8, 10, 9, 8, 8, 8, 9, 10, 10, 9, 9, 7, 5),
    (9, 7, 5, 4, 2, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 7, 8, 9, 10, 11, 12, 12, 11),
)
HOUR_PROFILES: Final[Floats] = np.array([np.array(row) / sum(row) for row in _HOURS])
HOUR_CUMULATIVE: Final[Floats] = HOUR_PROFILES.cumsum(axis=1)
_PROFILE_SHARES: Final = (0.48, 0.27, 0.17, 0.08)


@dataclass(frozen=True, slots=True)
class Users:
    """The users as columns; position i is user ``U{i+1:04d}``.

    ``activity`` is relative to the mean of 1, ``spending`` shifts amounts on the log scale (income), ``online`` is the
    share of payments made online, ``favourites`` holds positions of merchants.
    """

    ids: tuple[str, ...]
    account_ids: tuple[str, ...]
    card_hashes: tuple[tuple[str, ...], ...]
    card_prefixes: tuple[tuple[str, ...], ...]
    city: Ints
    country: Ints
    latitude: Floats
    longitude: Floats
    utc_offset_hours: Ints
    activity: Floats
    spending: Floats
    online: Floats
    second_card_share: Floats
    second_device_share: Floats
    hours: Ints
    favourites: Ints
    favourite_shares: Floats

    def __len__(self) -> int:
        return len(self.ids)


def build_users(seed: int, count: int, merchants: Merchants, hasher: CardHasher) -> Users:
    """The users of a seed. Card numbers exist only inside this function: what is kept is their hash and prefix."""
    rng = generator(seed, Purpose.USERS)
    city = rng.choice(len(HOME_SHARES), count, p=HOME_SHARES)
    latitude = CITY_LATITUDE[city] + rng.normal(0.0, 0.06, count)
    longitude = CITY_LONGITUDE[city] + rng.normal(0.0, 0.09, count)
    numbers = [[_card_number(rng) for _ in range(CARDS)] for _ in range(count)]
    country = CITY_COUNTRY[city]
    online = rng.beta(2.2, 4.5, count)
    return Users(
        ids=tuple(f"U{index + 1:04d}" for index in range(count)),
        account_ids=tuple(f"A{index + 1:06d}" for index in range(count)),
        card_hashes=tuple(tuple(hasher.card_hash(number) for number in cards) for cards in numbers),
        card_prefixes=tuple(tuple(issuer_prefix(number) for number in cards) for cards in numbers),
        city=city.astype(np.int64),
        country=country,
        latitude=latitude,
        longitude=longitude,
        utc_offset_hours=np.round(longitude / 15).astype(np.int64),
        activity=_with_mean_one(rng.gamma(2.2, 1.0, count) + 0.1),
        spending=rng.normal(0.0, 0.45, count),
        online=online,
        second_card_share=np.where(rng.random(count) < 0.4, rng.uniform(0.1, 0.5, count), 0.0),
        second_device_share=np.where(rng.random(count) < 0.5, rng.uniform(0.1, 0.5, count), 0.0),
        hours=rng.choice(len(HOUR_PROFILES), count, p=_PROFILE_SHARES).astype(np.int64),
        favourites=_favourites(rng, merchants, country, online),
        favourite_shares=rng.dirichlet(np.full(FAVOURITES, 1.2), count),
    )


def _with_mean_one(values: npt.NDArray[np.float64]) -> Floats:
    scaled: Floats = values / values.mean()
    return scaled


def _card_number(rng: np.random.Generator) -> str:
    payload = ISSUER_PREFIXES[rng.integers(len(ISSUER_PREFIXES))] + f"{rng.integers(10**9):09d}"
    return payload + check_digit(payload)


def _favourites(rng: np.random.Generator, merchants: Merchants, country: Ints, online: Floats) -> Ints:
    """Ten merchants per user: local shops and, the more somebody buys online, online ones."""
    chosen = np.zeros((len(country), FAVOURITES), dtype=np.int64)
    remote = np.flatnonzero(merchants.mode == Mode.ONLINE)
    remote_shares = weights(merchants.popularity[remote])
    for home in range(len(COUNTRIES)):
        rows = np.flatnonzero(country == home)
        if not len(rows):
            continue
        local = np.flatnonzero((merchants.country == home) & (merchants.mode != Mode.ONLINE))
        local_shares = weights(merchants.popularity[local])
        shops = rng.choice(local, (len(rows), FAVOURITES), p=local_shares)
        sites = rng.choice(remote, (len(rows), FAVOURITES), p=remote_shares)
        is_site = rng.random((len(rows), FAVOURITES)) < online[rows][:, None]
        chosen[rows] = np.where(is_site, sites, shops)
    return chosen
