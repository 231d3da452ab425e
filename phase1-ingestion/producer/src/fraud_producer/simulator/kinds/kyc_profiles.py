"""Changes of customers' profiles: a snapshot of everybody when the world begins, then the whole profile at each change.

Who takes an account over changes the phone number first, and the bank changes it back once it knows; who means to
vanish with the money declares a higher income first. In the days between, an honest change of something else carries
the owner's own number: the bank asks for it anew.
"""

from typing import Final

import numpy as np

from fraud_producer.events import decimal_bytes
from fraud_producer.simulator.config import DAY_US, day_of
from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.kinds.day import HOUR_US, NEVER, Day, Victims
from fraud_producer.simulator.kinds.places import country_codes
from fraud_producer.simulator.kinds.profiles import CHANGES, RISKS, changes_of_day, customers_of, hashes, profiles_at
from fraud_producer.simulator.kinds.rows import Objects, Part, same, spread, texts
from fraud_producer.simulator.payments import FRAUD_CODE_START

CHANGES_PHONE: Final = frozenset({"account_takeover"})
CHANGES_PHONE_SHARE: Final = 0.35
# Before the first payment; the bank has the owner's number back some hours after it knows, or when he misses a call.
PHONE_HOURS: Final = (1.0, 22.0)
PHONE_BACK_HOURS: Final = (1.0, 48.0)
PHONE_MISSED_DAYS: Final = (10.0, 30.0)
RAISES_INCOME: Final = frozenset({"bust_out"})
RAISED_BEFORE_DAYS: Final = (0.2, 0.95)
# Customers who deceived the bank themselves, and when they are rated anew.
DECEIVES_BANK: Final = frozenset({"bust_out", "mule_account", "structuring"})
RATED_AFTER_DAYS: Final = (0.1, 2.0)


def kyc_profiles(rng: np.random.Generator, day: Day) -> list[Part]:
    """All profile changes that follow from a day; on the world's first one, everybody's profile."""
    user, what, moment = changes_of_day(day.config, day.users, day.day)
    names = texts(CHANGES)[what]
    parts = [_snapshots(day, user, moment, moment, names), *kyc_profiles_of_fraud(rng, day)]
    if day.day == day_of(day.config.start_us):
        parts.append(_opening(day))
    return parts


def kyc_profiles_of_fraud(rng: np.random.Generator, day: Day) -> list[Part]:
    """Changes that fraudsters ask for before they pay, and what the bank writes down once it knows."""
    return [
        *_phones(rng, day, day.victims.of(CHANGES_PHONE)),
        _incomes(rng, day, day.victims.of(RAISES_INCOME)),
        _ratings(rng, day, day.victims.of(DECEIVES_BANK)),
    ]


def verifications(day: Day, user: Ints, moment: Ints) -> Part:
    """These customers are verified anew, and nothing is found."""
    return _snapshots(day, user, moment, moment, same("VERIFIED", len(user)))


def _opening(day: Day) -> Part:
    """Everybody's profile when the world begins, a microsecond apart; valid since the account was opened."""
    user = np.arange(len(day.users), dtype=np.int64)
    moment = day.config.start_us + user
    part = _snapshots(day, user, moment, moment, same("OPENED", len(user)))
    part["valid_from"] = part["customer_since"]
    return part


def _phones(rng: np.random.Generator, day: Day, victims: Victims) -> list[Part]:
    """Another number on the fraudster's word, and the owner's again."""
    count = len(victims)
    # with the victim's own phone in hand nobody needs another
    foreign = day.payments.device[victims.first] >= FRAUD_CODE_START
    moment = victims.first_us - spread(rng, *PHONE_HOURS, count, HOUR_US)
    told = victims.known_us + spread(rng, *PHONE_BACK_HOURS, count, HOUR_US)
    missed = victims.last_us + spread(rng, *PHONE_MISSED_DAYS, count, DAY_US)
    back = np.where(victims.known_us == NEVER, missed, told)
    # what was changed before the world began is not changed back in it
    chosen = np.flatnonzero(foreign & (rng.random(count) < CHANGES_PHONE_SHARE) & (moment >= day.config.start_us))
    user = day.payments.user[victims.first[chosen]]
    cause = victims.first_us[chosen]
    names = same("PHONE_CHANGED", len(chosen))
    taken = _snapshots(day, user, moment[chosen], cause, names)
    taken["phone_hash"] = hashes("ph", day.payments.device[victims.first[chosen]], moment[chosen])
    return [taken, _snapshots(day, user, back[chosen], cause, names)]


def _incomes(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    """A higher income, declared the day before the money is spent."""
    count = len(victims)
    user = day.payments.user[victims.first]
    moment = victims.first_us - spread(rng, *RAISED_BEFORE_DAYS, count, DAY_US)
    factor = rng.uniform(1.8, 3.5, count)
    part = _snapshots(day, user, moment, victims.first_us, same("INCOME_CHANGED", count))
    income = np.round(profiles_at(day.config, day.users, user, moment).income * factor / 50_000).astype(np.int64)
    part["annual_income"] = texts([decimal_bytes(cents * 50_000) for cents in income.tolist()])
    return part


def _ratings(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    """A high risk, once the bank knows."""
    delay = spread(rng, *RATED_AFTER_DAYS, len(victims), DAY_US)
    told = np.flatnonzero(victims.known_us != NEVER)
    user = day.payments.user[victims.first[told]]
    moment = victims.known_us[told] + delay[told]
    part = _snapshots(day, user, moment, victims.first_us[told], same("RISK_CHANGED", len(told)))
    part["risk_rating"] = same("HIGH", len(told))
    return part


def _snapshots(day: Day, user: Ints, moment: Ints, cause: Ints, what: Objects) -> Part:
    """Whole profiles of these users as they are at these moments."""
    users = day.users
    always = customers_of(day.config.seed, len(users))
    now = profiles_at(day.config, users, user, moment)
    return {
        "event_time": moment,
        "cause_us": cause,
        "user_id": texts(users.ids)[user],
        "change_type": what,
        "valid_from": moment,
        "customer_since": always.since_us[user],
        "country": country_codes(users.country[user]),
        "birth_year": always.birth_year[user],
        "annual_income": texts([decimal_bytes(cents) for cents in now.income.tolist()]),
        "occupation": always.occupation[user],
        "risk_rating": texts(RISKS)[now.risk],
        "verification_level": now.level,
        "is_politically_exposed": always.exposed[user].astype(np.object_),
        "address_hash": now.address,
        "phone_hash": now.phone,
        "email_hash": now.email,
    }
