"""The users: homes and households, incomes, habits, cards, accounts and devices, all drawn once from the seed."""

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
    Bools,
    Floats,
    Ints,
    weights,
)
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.seasons import WEEKDAY_HABIT_SHARES, WEEKDAY_HABITS

HOUR_US: Final = 3_600_000_000
FAVOURITES: Final = 10
FRIENDS: Final = 5
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

# Couples, and a third person with some of them: they live together and share a computer.
COUPLED_SHARE: Final = 0.24
THIRD_SHARE: Final = 0.05
MEDIAN_INCOME: Final = 34_000.0
RENTING_SHARE: Final = 0.5
SAVING_SHARE: Final = 0.55
# Rents that the bank pays by itself.
STANDING_ORDER_SHARE: Final = 0.6
TENANTS_PER_LANDLORD: Final = 4
PAYDAYS: Final = (15, 25, 25, 26, 27, 28, 1)
SAVINGS_ABROAD_SHARE: Final = 0.04

DEVICES_PER_USER: Final = 2
# Phone numbers reach some thousands; the product keeps codes below those of fraudsters.
_PHONE_RANGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Users:
    """The users as columns; position i is user ``U{i+1:04d}``.

    ``household`` is the position of the user in whose home somebody lives (his own for most), ``income`` a year's in
    the base currency; ``activity`` is relative to the mean of 1, ``spending`` shifts amounts on the log scale,
    ``online`` is the share of payments made online, ``hours`` and ``weekdays`` name habits (``HOUR_PROFILES``,
    ``WEEKDAY_HABITS``), ``favourites`` and ``friends`` hold positions of merchants and users.

    ``rent_cents`` (0: owns his home) goes to ``landlord`` on ``rent_day`` of each month, ``savings_cents`` (0: none)
    to an account in ``savings_place`` on ``payday``. Users below a share of ``main_account``, which is between 0 and 1,
    have their main account here (``transfers.kept_share``).
    """

    ids: tuple[str, ...]
    account_ids: tuple[str, ...]
    card_hashes: tuple[tuple[str, ...], ...]
    card_prefixes: tuple[tuple[str, ...], ...]
    household: Ints
    city: Ints
    country: Ints
    latitude: Floats
    longitude: Floats
    utc_offset_hours: Ints
    income: Floats
    activity: Floats
    spending: Floats
    online: Floats
    second_card_share: Floats
    second_device_share: Floats
    hours: Ints
    weekdays: Ints
    favourites: Ints
    favourite_shares: Floats
    friends: Ints
    main_account: Floats
    rent_cents: Ints
    rent_day: Ints
    landlord: Ints
    standing_order: Bools
    savings_cents: Ints
    savings_place: Ints
    payday: Ints

    def __len__(self) -> int:
        return len(self.ids)


def build_users(seed: int, count: int, merchants: Merchants, hasher: CardHasher) -> Users:
    """The users of a seed. Card numbers exist only inside this function: what is kept is their hash and prefix."""
    rng = generator(seed, Purpose.USERS)
    household = _households(rng, count)
    city = rng.choice(len(HOME_SHARES), count, p=HOME_SHARES)[household]
    latitude = CITY_LATITUDE[city] + rng.normal(0.0, 0.06, count)[household]
    longitude = CITY_LONGITUDE[city] + rng.normal(0.0, 0.09, count)[household]
    numbers = [[_card_number(rng) for _ in range(CARDS)] for _ in range(count)]
    country = CITY_COUNTRY[city]
    online = rng.beta(2.2, 4.5, count)
    spending = rng.normal(0.0, 0.45, count)
    income = MEDIAN_INCOME * np.exp(0.9 * spending + rng.normal(0.0, 0.25, count))
    rents = rng.random(count) < RENTING_SHARE
    saves = rng.random(count) < SAVING_SHARE
    rent = np.round(income / 12 * rng.uniform(0.2, 0.4, count) / 10) * 1000
    savings = np.ceil(income / 12 * rng.choice([0.02, 0.05, 0.1, 0.2], count) / 50) * 5000
    abroad = rng.random(count) < SAVINGS_ABROAD_SHARE
    return Users(
        ids=tuple(f"U{index + 1:04d}" for index in range(count)),
        account_ids=tuple(f"A{index + 1:06d}" for index in range(count)),
        card_hashes=tuple(tuple(hasher.card_hash(number) for number in cards) for cards in numbers),
        card_prefixes=tuple(tuple(issuer_prefix(number) for number in cards) for cards in numbers),
        household=household,
        city=city.astype(np.int64),
        country=country,
        latitude=latitude,
        longitude=longitude,
        utc_offset_hours=np.round(longitude / 15).astype(np.int64),
        income=income,
        activity=_with_mean_one(rng.gamma(2.2, 1.0, count) + 0.1),
        spending=spending,
        online=online,
        second_card_share=np.where(rng.random(count) < 0.4, rng.uniform(0.1, 0.5, count), 0.0),
        second_device_share=np.where(rng.random(count) < 0.5, rng.uniform(0.1, 0.5, count), 0.0),
        hours=rng.choice(len(HOUR_PROFILES), count, p=_PROFILE_SHARES).astype(np.int64),
        weekdays=rng.choice(len(WEEKDAY_HABITS), count, p=WEEKDAY_HABIT_SHARES).astype(np.int64),
        favourites=_favourites(rng, merchants, country, online),
        favourite_shares=rng.dirichlet(np.full(FAVOURITES, 1.2), count),
        friends=_friends(rng, count),
        main_account=rng.random(count),
        rent_cents=np.where(rents, rent, 0).astype(np.int64),
        rent_day=rng.integers(1, 4, count),
        landlord=rng.integers(0, 1 + count // TENANTS_PER_LANDLORD, count),
        standing_order=rng.random(count) < STANDING_ORDER_SHARE,
        savings_cents=np.where(saves, savings, 0).astype(np.int64),
        savings_place=np.where(abroad, rng.integers(0, len(COUNTRIES), count), country),
        payday=rng.choice(PAYDAYS, count).astype(np.int64),
    )


def local_times(rng: np.random.Generator, users: Users, user: Ints) -> Ints:
    """Microseconds within the UTC day at which these users pay, by their habits and time zone."""
    cumulative = HOUR_CUMULATIVE[users.hours[user]]
    hour = (rng.random(len(user))[:, None] > cumulative).sum(axis=1).clip(0, 23)
    utc_hour = (hour - users.utc_offset_hours[user]) % 24
    moments: Ints = utc_hour * HOUR_US + rng.integers(0, HOUR_US, len(user))
    return moments


def phone_codes(user: Ints, phone: Ints) -> Ints:
    """Device codes of these users' phones of these numbers (``circumstances.phones``)."""
    return (user * DEVICES_PER_USER + 1) * _PHONE_RANGE + phone


def computer_codes(users: Users, user: Ints) -> Ints:
    """Device codes of the computers in these users' homes: a family has one."""
    codes: Ints = (users.household[user] * DEVICES_PER_USER + 2) * _PHONE_RANGE
    return codes


def home_addresses(users: Users, user: Ints) -> Ints:
    """Address codes of the connections at these users' homes."""
    codes: Ints = 1 + users.household[user]
    return codes


def _households(rng: np.random.Generator, count: int) -> Ints:
    """The head of each user's household."""
    household = np.arange(count, dtype=np.int64)
    shuffled = rng.permutation(count)
    couples = int(count * COUPLED_SHARE / 2)
    heads = shuffled[:couples]
    household[shuffled[couples : 2 * couples]] = heads
    thirds = shuffled[2 * couples : 2 * couples + int(count * THIRD_SHARE)]
    household[thirds] = rng.choice(heads, len(thirds))
    return household


def _friends(rng: np.random.Generator, count: int) -> Ints:
    """Five others per user; some are treasurers whom many know."""
    known = rng.choice(count, (count, FRIENDS), p=weights(rng.pareto(1.8, count) + 0.2)).astype(np.int64)
    oneself = np.arange(count, dtype=np.int64)[:, None]
    return np.where(known == oneself, (known + 1) % count, known)


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
