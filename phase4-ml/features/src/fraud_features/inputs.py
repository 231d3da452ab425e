"""What a feature reads: each input once, as a Python function and as the Trino expression of the same value.

Both sides give None/NULL for "not known", are total over any input and use the same order of arithmetic.
SQL sees the columns of ``int_transactions`` and ``amount_cents`` (bigint).
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fraud_features.events import RecentEvent, Transaction
from fraud_features.features import US_PER_DAY, US_PER_HOUR

CHANNELS: Final = {"UNKNOWN": 0, "POS": 1, "ONLINE": 2, "ATM": 3, "MOBILE": 4}
REMOTE_CHANNELS: Final = ("ONLINE", "MOBILE")
TERMINAL_CHANNELS: Final = ("POS", "ATM")
TYPES: Final = {"UNKNOWN": 0, "PURCHASE": 1, "WITHDRAWAL": 2, "TRANSFER": 3, "REFUND": 4}

NEAR_THRESHOLDS_CENTS: Final = ((90_000, 100_000), (900_000, 1_000_000))
"""Reporting limits that payments are split to stay under, with the 10 % below each: [from, to)."""

SMALL_CENTS: Final = 500
"""Below this a payment may be a test of a stolen card."""

SPEED_CAP_KMH: Final = 20_000.0
"""Faster than any aircraft; keeps two payments within one second from dominating a scale."""

RATIO_CAP: Final = 10_000.0
Z_CAP: Final = 1_000.0
STD_FLOOR: Final = 1.0
"""Base currency. A user who always pays the same has no spread to divide by."""

EARTH_DIAMETER_KM: Final = 2 * 6371.0088

RATE_PRIOR_FRAUDS: Final = 0.1
RATE_PRIOR_PAYMENTS: Final = 20.0
"""A fraud rate starts at 0.1 in 20 payments, so one known fraud among three is no certainty."""

RUN_GAP_US: Final = 7 * US_PER_DAY
"""Known frauds at most this far apart belong to one run."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_CATEGORY = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class RequestInput:
    """A request feature's value: of a payment in Python, of a row in SQL."""

    python: Callable[[Transaction], float | None]
    sql: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on an earlier payment, total in both languages (never NULL)."""

    python: Callable[[RecentEvent], bool]
    sql: str


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(repr(value) for value in values)})"


def _codes(column: str, codes: dict[str, int]) -> str:
    whens = " ".join(f"when {name!r} then {code}" for name, code in codes.items())
    return f"case {column} {whens} end"


def _flag(condition: str) -> str:
    return f"if({condition}, 1, 0)"


def is_near_threshold(amount_cents: int) -> bool:
    """Whether an amount lies just under a reporting limit."""
    return any(low <= amount_cents < high for low, high in NEAR_THRESHOLDS_CENTS)


def _bool(value: bool | None) -> float | None:
    return None if value is None else float(value)


def _is_remote(transaction: Transaction) -> float | None:
    return None if transaction.channel is None else float(transaction.channel in REMOTE_CHANNELS)


def _presence_mismatch(transaction: Transaction) -> float | None:
    present, channel = transaction.card_present, transaction.channel
    if present is None or channel is None:
        return None
    return float(channel in (REMOTE_CHANNELS if present else TERMINAL_CHANNELS))


def _country_number(transaction: Transaction) -> float | None:
    country = transaction.country
    if country is None or not _COUNTRY.fullmatch(country):
        return None
    return float(26 * (ord(country[0]) - 65) + ord(country[1]) - 65)


def _category_number(transaction: Transaction) -> float | None:
    code = transaction.merchant_category_code
    return float(code) if code is not None and _CATEGORY.fullmatch(code) else None


def _code(value: str | None, codes: dict[str, int]) -> float | None:
    return None if value is None or value not in codes else float(codes[value])


_NEAR_SQL = " or ".join(f"amount_cents >= {low} and amount_cents < {high}" for low, high in NEAR_THRESHOLDS_CENTS)

REQUEST_INPUTS: Final[dict[str, RequestInput]] = {
    "amount": RequestInput(lambda t: t.amount_cents / 100.0, "cast(amount_cents as double) / 100e0"),
    "amount_is_round": RequestInput(
        lambda t: float(t.amount_cents > 0 and t.amount_cents % 10_000 == 0),
        _flag("amount_cents > 0 and amount_cents % 10000 = 0"),
    ),
    "amount_is_near_threshold": RequestInput(lambda t: float(is_near_threshold(t.amount_cents)), _flag(_NEAR_SQL)),
    "hour": RequestInput(lambda t: float(t.event_us // US_PER_HOUR % 24), f"event_us / {US_PER_HOUR} % 24"),
    # 1970-01-01 was a Thursday
    "weekday": RequestInput(lambda t: float((t.event_us // US_PER_DAY + 3) % 7), f"(event_us / {US_PER_DAY} + 3) % 7"),
    "is_international": RequestInput(lambda t: _bool(t.is_international), "cast(is_international as integer)"),
    "is_card_present": RequestInput(lambda t: _bool(t.card_present), "cast(card_present as integer)"),
    "is_remote": RequestInput(_is_remote, f"cast({_in('channel', REMOTE_CHANNELS)} as integer)"),
    "is_presence_mismatch": RequestInput(
        _presence_mismatch,
        f"cast(if(card_present is null, null, if(card_present, {_in('channel', REMOTE_CHANNELS)}, "
        f"{_in('channel', TERMINAL_CHANNELS)})) as integer)",
    ),
    "channel": RequestInput(lambda t: _code(t.channel, CHANNELS), _codes("channel", CHANNELS)),
    "kind": RequestInput(lambda t: _code(t.transaction_type, TYPES), _codes("transaction_type", TYPES)),
    "country": RequestInput(
        _country_number,
        r"if(regexp_like(country, '^[A-Z]{2}\z'), 26 * (codepoint(cast(substr(country, 1, 1) as varchar(1))) - 65) "
        "+ codepoint(cast(substr(country, 2, 1) as varchar(1))) - 65)",
    ),
    "merchant_category": RequestInput(
        _category_number,
        r"if(regexp_like(merchant_category_code, '^[0-9]{1,4}\z'), try_cast(merchant_category_code as integer))",
    ),
    "has_device": RequestInput(lambda t: float(t.device_id is not None), _flag("device_id is not null")),
}

PREDICATES: Final[dict[str, Predicate]] = {
    "near_threshold": Predicate(lambda e: is_near_threshold(e.amount_cents), _NEAR_SQL),
    "remote": Predicate(lambda e: e.channel in REMOTE_CHANNELS, f"coalesce({_in('channel', REMOTE_CHANNELS)}, false)"),
    "small": Predicate(lambda e: e.amount_cents < SMALL_CENTS, f"amount_cents < {SMALL_CENTS}"),
}

DISTINCT_COLUMNS: Final = {
    "merchants": "merchant_id",
    "countries": "country",
    "devices": "device_id",
    "users": "user_id",
}
"""Input of a distinct count to the column whose values it counts; rows without a value are left out."""

NEW_COLUMNS: Final = {"merchant": "merchant_id", "device": "device_id", "country": "country"}
"""Input of a ``new`` flag to the column it looks up in the user's profile sets and last 24 hours."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How a moment falls into bins that repeat; ``reach`` neighbours on both sides count with a bin."""

    bins: int
    reach: int
    bin_of: Callable[[int], int]
    sql: str

    def near(self, event_us: int) -> list[int]:
        """The moment's bin and its neighbours, the first and the last bin being neighbours too."""
        middle = self.bin_of(event_us)
        return [(middle + step) % self.bins for step in range(-self.reach, self.reach + 1)]


HABITS: Final = {
    "hour": Habit(24, 1, lambda us: us % US_PER_DAY // US_PER_HOUR, f"event_us % {US_PER_DAY} / {US_PER_HOUR}"),
    "weekday": Habit(7, 0, lambda us: (us // US_PER_DAY + 3) % 7, f"(event_us / {US_PER_DAY} + 3) % 7"),
}
"""Input of a ``share`` to the bins in which a profile counts the payments of its days."""

PLACED_SQL: Final = "(latitude between -9e1 and 9e1 and longitude between -18e1 and 18e1)"
"""True when a row has a place; NULL or false otherwise (NaN is between nothing)."""


def is_placed(latitude: float | None, longitude: float | None) -> bool:
    """Whether these are coordinates: the Python twin of ``PLACED_SQL``."""
    return latitude is not None and longitude is not None and -90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance of two places in degrees (haversine)."""
    north = math.sin(math.radians(latitude - other_latitude) / 2.0)
    east = math.sin(math.radians(longitude - other_longitude) / 2.0)
    square = north * north + math.cos(math.radians(other_latitude)) * math.cos(math.radians(latitude)) * east * east
    return EARTH_DIAMETER_KM * math.asin(math.sqrt(min(1.0, square)))


def speed_kmh(kilometres: float, elapsed_us: int) -> float:
    """Speed over a distance; less than a second counts as a second, and the result is capped."""
    return min(SPEED_CAP_KMH, kilometres * 3.6e9 / float(max(elapsed_us, 1_000_000)))


def zscore(amount: float, mean: float | None, std: float | None) -> float | None:
    """Deviation from a mean in standard deviations, clamped; None without a spread."""
    if mean is None or std is None:
        return None
    return max(-Z_CAP, min(Z_CAP, (amount - mean) / max(std, STD_FLOOR)))


def ratio(amount: float, mean: float | None) -> float | None:
    """An amount over a mean, capped; None without a positive mean."""
    return None if mean is None or mean <= 0.0 else min(RATIO_CAP, amount / mean)
