"""Awkward histories for parity tests: small, seeded, and full of edges.

Nulls in every optional column, payments in the same microsecond, exactly at a window's edge and one microsecond to
either side, duplicates with other contents, late arrivals, corrected labels, labels of unknown payments, payments
without a category, customers of whom nothing is known, and KYC records in the same microsecond.
"""

from dataclasses import dataclass, replace
from random import Random

from fraud_features.events import KycChange, Label, Login, Transaction
from fraud_features.features import (
    DAYS_7,
    DAYS_30,
    DAYS_90,
    HOUR_1,
    HOURS_24,
    MINUTE_1,
    MINUTES_5,
    MINUTES_10,
    MINUTES_15,
    US_PER_DAY,
    US_PER_HOUR,
)

START_US = 1_750_000_000_000_000 // US_PER_DAY * US_PER_DAY
_GAPS = [w.us for w in (MINUTE_1, MINUTES_5, MINUTES_15, HOUR_1, HOURS_24, DAYS_7, DAYS_30, DAYS_90)]
_COUNTRIES = (None, "DE", "FR", "US", "usa", "D", "ZZ")
_CHANNELS = (None, "UNKNOWN", "POS", "ONLINE", "ATM", "MOBILE")
_TYPES = (None, "UNKNOWN", "PURCHASE", "WITHDRAWAL", "TRANSFER", "REFUND")
_CATEGORIES = (None, "5411", "0042", "x", "12345", "")
_KYC_CHANGES = (None, "UNKNOWN", "OPENED", "VERIFIED", "ADDRESS_CHANGED", "PHONE_CHANGED", "EMAIL_CHANGED")
_OUTCOMES = (None, "UNKNOWN", "SUCCESS", "FAILURE", "FAILURE", "LOCKED", "CHALLENGED")
_CENTS = (1, 499, 500, 10_000, 89_999, 90_000, 99_999, 100_000, 950_000, 123_456_789, 999_999_999_999)


@dataclass(frozen=True)
class History:
    """Payments, labels, logins and KYC records in the order in which they arrived; the last two may arrive twice."""

    transactions: list[Transaction]
    labels: list[Label]
    logins: list[Login]
    kyc: list[KycChange]


def sample_history(seed: int, size: int, days: int = 120, crowd: int = 1) -> History:
    """A history of ``size`` payments over about ``days`` days, the same for the same arguments.

    There are four users, five merchants, three cards and three devices, or ``crowd`` times as many.
    """
    rng = Random(seed)  # noqa: S311 - a test history, not a secret
    moments: list[int] = []
    transactions: list[Transaction] = []
    for number in range(size):
        moment = _moment(rng, moments, days)
        moments.append(moment)
        transactions.append(_transaction(rng, f"t{number:05d}", moment, crowd))
    # late arrivals and duplicates: the second of an identifier says something else and must not count
    rng.shuffle(transactions)
    for original in rng.sample(transactions, size // 20):
        moved = replace(original, event_us=original.event_us + rng.choice((0, 1, US_PER_HOUR)), amount_cents=777)
        transactions.append(moved)
    labels, logins = _labels(rng, transactions[:size]), _logins(rng, transactions[:size])
    return History(transactions, labels, logins, _kyc(rng, transactions[:size], days))


def _moment(rng: Random, earlier: list[int], days: int) -> int:
    choice = rng.random()
    if not earlier or choice < 0.3:
        return START_US + rng.randrange(days * US_PER_DAY)
    near = rng.choice(earlier[-20:])
    if choice < 0.6:
        return near + rng.choice(_GAPS) * rng.choice((1, -1)) + rng.choice((-1, 0, 1))
    if choice < 0.7:
        return near
    if choice < 0.8:
        # around the boundary of a profile: midnight, and midnight plus the lag
        return near // US_PER_DAY * US_PER_DAY + rng.choice((0, 2 * US_PER_HOUR)) + rng.choice((-1, 0, 1))
    return near + rng.randrange(2 * US_PER_HOUR)


def _transaction(rng: Random, transaction_id: str, moment: int, crowd: int) -> Transaction:
    placed = rng.random() < 0.7
    # one of the crowd's groups, so that what belongs together still meets
    group = "" if crowd == 1 else f"-{rng.randrange(crowd)}"

    def one_of(*names: str | None) -> str | None:
        name = rng.choice(names)
        return name and name + group

    return Transaction(
        transaction_id=transaction_id,
        event_us=moment,
        user_id=one_of("U1", "U1", "U2", "U3", "Ü 4'") or "",
        merchant_id=one_of("M1", "M1", "M2", "M3", "M4") or "",
        amount_cents=rng.choice(_CENTS) if rng.random() < 0.3 else rng.randrange(1, 60_000),
        is_international=rng.choice((None, True, False)),
        card_hash=one_of(None, "k1:aa", "k1:bb", "k1:cc"),
        device_id=one_of(None, "D1", "D2", "D3"),
        country=rng.choice(_COUNTRIES),
        latitude=rng.choice((rng.uniform(-90, 90), 52.5, 91.0)) if placed else None,
        longitude=rng.choice((rng.uniform(-180, 180), 13.4)) if placed or rng.random() < 0.2 else None,
        channel=rng.choice(_CHANNELS),
        card_present=rng.choice((None, True, False)),
        transaction_type=rng.choice(_TYPES),
        merchant_category_code=rng.choice(_CATEGORIES),
    )


def _logins(rng: Random, transactions: list[Transaction]) -> list[Login]:
    logins: list[Login] = []
    for transaction in rng.sample(transactions, len(transactions) // 2):
        within = rng.randrange(MINUTES_10.us), rng.randrange(HOURS_24.us)
        before = rng.choice((0, 1, MINUTES_10.us, HOURS_24.us, *within))
        moment = transaction.event_us - before + rng.choice((-1, 0, 1))
        login = Login(f"l{len(logins)}", moment, transaction.user_id, rng.choice(_OUTCOMES))
        # the second of an identifier says something else and must not count
        logins += [login, replace(login, outcome="FAILURE")] if rng.random() < 0.1 else [login]
    return logins


def _kyc(rng: Random, transactions: list[Transaction], days: int) -> list[KycChange]:
    """Records of most users, and of one who never paid."""
    changes: list[KycChange] = []
    paid: dict[str, list[int]] = {}
    for transaction in transactions:
        paid.setdefault(transaction.user_id, []).append(transaction.event_us)
    for user_id, moments in sorted(paid.items()):
        if rng.random() < 0.8:
            first_us = START_US + rng.randrange(-200, days // 4 + 1) * US_PER_DAY + rng.choice((-1, 0, 1))
            changes += _records(rng, user_id, [first_us, *(_kyc_moment(rng, moments) for _ in range(rng.randrange(8)))])
    return [*changes, *_records(rng, "waits", [START_US])]


def _kyc_moment(rng: Random, moments: list[int]) -> int:
    """Around the boundary that a payment looks at, around where its windows begin, or anywhere."""
    midnight = rng.choice(moments) // US_PER_DAY * US_PER_DAY
    return midnight - rng.choice((0, 0, DAYS_30.us, DAYS_90.us)) + rng.choice((0, 0, -1, 1, rng.randrange(US_PER_DAY)))


def _records(rng: Random, user_id: str, moments: list[int]) -> list[KycChange]:
    records: list[KycChange] = []
    for known_us in moments:
        since = rng.choice((None, known_us - rng.randrange(900 * US_PER_DAY), known_us, known_us + US_PER_DAY))
        name = f"k{rng.randrange(10**9):09d}"
        record = KycChange(name, known_us, user_id, rng.choice(_KYC_CHANGES), since)
        # the second of an identifier says something else and must not count
        again = replace(record, known_us=known_us - US_PER_DAY, change_type="PHONE_CHANGED")
        # of the records of one microsecond the greatest identifier is the newest
        tied = replace(record, kyc_change_id=f"{name}-", customer_since_us=known_us - rng.randrange(US_PER_DAY))
        records += rng.choice(([record], [record, again], [tied, record]))
    return records


def _labels(rng: Random, transactions: list[Transaction]) -> list[Label]:
    labels: list[Label] = []
    for transaction in rng.sample(transactions, len(transactions) // 3):
        known_us = transaction.event_us + rng.randrange(1, 12 * US_PER_DAY)
        if rng.random() < 0.2:
            known_us = (known_us // US_PER_DAY + 1) * US_PER_DAY + rng.choice((-1, 0, 1))
        first = Label(
            transaction.transaction_id,
            transaction.user_id,
            transaction.merchant_id,
            transaction.event_us,
            known_us,
            rng.random() < 0.8,
        )
        labels.append(first)
        while rng.random() < 0.3:
            # a correction, at times in the same microsecond
            known_us += rng.choice((0, 1, US_PER_DAY, 20 * US_PER_DAY))
            labels.append(replace(first, known_us=known_us, is_fraud=rng.random() < 0.5))
    labels += [
        Label(f"gone{n}", "U1", "M1", START_US + n * US_PER_DAY, START_US + 3 * n * US_PER_DAY, True) for n in range(9)
    ]
    rng.shuffle(labels)
    return labels
