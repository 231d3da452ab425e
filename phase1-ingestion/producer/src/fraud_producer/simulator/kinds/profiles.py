"""What the bank knows about its customers, and how it changes over the years, honestly.

Changes are drawn per epoch of fixed length, so a profile can be asked for at any moment without walking through the
days before it.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fraud_producer.simulator.config import DAY_US, SimulationConfig, day_of
from fraud_producer.simulator.geography import Floats, Ints
from fraud_producer.simulator.kinds.rows import Objects, pick, texts
from fraud_producer.simulator.population import Users
from fraud_producer.simulator.randomness import Purpose, generator, scramble

EPOCH_DAYS: Final = 90
# Beyond three years back nobody remembers what a profile was before.
EPOCHS_BACK: Final = 12
# How many of all customers change something in a year at KYC_RATE=1.
CHANGES_PER_YEAR: Final = {
    "VERIFIED": 0.20,
    "ADDRESS_CHANGED": 0.11,
    "PHONE_CHANGED": 0.10,
    "EMAIL_CHANGED": 0.08,
    "NAME_CHANGED": 0.012,
    "INCOME_CHANGED": 0.30,
    "RISK_CHANGED": 0.03,
}
CHANGES: Final = tuple(CHANGES_PER_YEAR)
_OCCUPATIONS: Final = {
    "employee": 0.55,
    "worker": 0.20,
    "self-employed": 0.13,
    "civil servant": 0.09,
    "unemployed": 0.03,
}
_RETIRED_BY_BIRTH_YEAR: Final = 1957
_STUDENT_FROM_BIRTH_YEAR: Final = 1994
RISKS: Final = ("LOW", "MEDIUM", "HIGH")
_RISK_SHARES: Final = (0.86, 0.12, 0.02)
_LEVELS: Final = {"FULL": 0.90, "SIMPLIFIED": 0.08, "NONE": 0.02}
EXPOSED_SHARE: Final = 0.004
# Somebody is a customer for up to 20 years before this, wherever the simulation begins.
_LATEST_OPENING_DAY: Final = date(2015, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
_YOUNGEST_BIRTH_YEAR: Final = 1996

Changed = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Customers:
    """What never changes, and what everybody began with, one row per user."""

    since_us: Ints
    birth_year: Ints
    occupation: Objects
    risk: Ints
    level: Objects
    exposed: npt.NDArray[np.bool_]


@lru_cache(maxsize=4)
def customers_of(seed: int, count: int) -> Customers:
    """The customers of a seed."""
    rng = generator(seed, Purpose.PROFILES)
    opened = _LATEST_OPENING_DAY - rng.integers(0, 20 * 365, count)
    birth_year = rng.normal(1972, 15, count).clip(1930, _YOUNGEST_BIRTH_YEAR).astype(np.int64)
    occupation = pick(rng, _OCCUPATIONS, count)
    occupation[birth_year <= _RETIRED_BY_BIRTH_YEAR] = "pensioner"
    occupation[birth_year >= _STUDENT_FROM_BIRTH_YEAR] = "student"
    return Customers(
        since_us=opened * DAY_US,
        birth_year=birth_year,
        occupation=occupation,
        risk=rng.choice(len(RISKS), count, p=_RISK_SHARES).astype(np.int64),
        level=pick(rng, _LEVELS, count),
        exposed=rng.random(count) < EXPOSED_SHARE,
    )


@lru_cache(maxsize=EPOCHS_BACK + 4)
def _changes(seed: int, count: int, rate: float, epoch: int) -> tuple[Changed, Floats]:
    """Per kind of change and user: when it happens in this epoch (-1: not), and a draw for what it changes to."""
    rng = generator(seed, Purpose.PROFILES, 1 + epoch)
    chance = np.array(list(CHANGES_PER_YEAR.values()))[:, None] * EPOCH_DAYS / 365 * rate
    happens = rng.random((len(CHANGES), count)) < chance
    # by daylight
    moment = (epoch * EPOCH_DAYS + rng.integers(0, EPOCH_DAYS, (len(CHANGES), count))) * DAY_US
    moment += (rng.uniform(7, 21, (len(CHANGES), count)) * 3_600_000_000).astype(np.int64)
    return np.where(happens, moment, -1), rng.random((len(CHANGES), count))


def changes_of_day(config: SimulationConfig, users: Users, day: int) -> tuple[Ints, Ints, Ints]:
    """Users, kinds of change (positions in ``CHANGES``) and moments of the honest changes on a day."""
    moment, _ = _changes(config.seed, len(users), config.kyc_rate, day // EPOCH_DAYS)
    what, user = np.nonzero((moment >= day * DAY_US) & (moment < (day + 1) * DAY_US))
    return user.astype(np.int64), what.astype(np.int64), moment[what, user]


@dataclass(frozen=True, slots=True)
class Profiles:
    """Profiles of some users at moments of their own; incomes in cents a year, contact data that hash nothing real."""

    income: Ints
    risk: Ints
    level: Objects
    address: Objects
    phone: Objects
    email: Objects


def profiles_at(config: SimulationConfig, users: Users, user: Ints, moment: Ints) -> Profiles:
    """What the bank has on file of these users at these moments, changes of that very moment included."""
    customers = customers_of(config.seed, len(users))
    # declared to the next five hundred
    income = (np.round(users.income[user] / 500).clip(8, 4000) * 50_000).astype(np.int64)
    count = len(user)
    newest = np.full((len(CHANGES), count), -1, dtype=np.int64)
    drawn = np.zeros((len(CHANGES), count))
    last = day_of(int(moment.max())) // EPOCH_DAYS if count else -1
    for epoch in range(max(0, last - EPOCHS_BACK), last + 1):
        when, draw = _changes(config.seed, len(users), config.kyc_rate, epoch)
        applies = (when[:, user] >= 0) & (when[:, user] <= moment)
        newest = np.where(applies, when[:, user], newest)
        drawn = np.where(applies, draw[:, user], drawn)
    changed = {name: newest[position] >= 0 for position, name in enumerate(CHANGES)}
    draws = {name: drawn[position] for position, name in enumerate(CHANGES)}
    grown = np.round(income * (0.85 + 0.45 * draws["INCOME_CHANGED"]) / 50_000) * 50_000
    rated = np.searchsorted(np.cumsum((0.55, 0.35)), draws["RISK_CHANGED"])
    level = customers.level[user].copy()
    level[changed["VERIFIED"]] = "FULL"
    return Profiles(
        income=np.where(changed["INCOME_CHANGED"], grown.astype(np.int64), income),
        risk=np.where(changed["RISK_CHANGED"], rated, customers.risk[user]),
        level=level,
        # families live together until somebody moves
        address=hashes("ad", users.household[user], newest[CHANGES.index("ADDRESS_CHANGED")]),
        phone=hashes("ph", user, newest[CHANGES.index("PHONE_CHANGED")]),
        email=hashes("em", user, newest[CHANGES.index("EMAIL_CHANGED")]),
    )


def hashes(kind: str, user: Ints, since_us: Ints) -> Objects:
    """What stands for the hash of an address, number or mailbox that somebody has since a moment.

    Equal only where it is the same one; ``kind`` is where a keyed hash has the id of its key.
    """
    salt = np.uint64(int.from_bytes(kind.encode("ascii"), "big"))
    first = scramble((scramble(since_us) ^ scramble(user) * salt).view(np.int64))
    second = scramble(first.view(np.int64))
    return texts([f"{kind}:{high:016x}{low:016x}" for high, low in zip(first.tolist(), second.tolist(), strict=True)])
