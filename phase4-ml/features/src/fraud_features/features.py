"""The one definition: every feature a model sees, declared once and compiled by the other modules of this package.

A name is built from its parts, ``<entity>_<input>_<aggregate>_<window>``, so a name and its meaning cannot drift apart.

- *request*: a function of the payment itself (``inputs.REQUEST_INPUTS``).
- *window*: over the earlier payments of the same user, card, device or merchant with ``t - W < event_time < t``.
- *profile*: over the days ``[b - N, b)`` before a snapshot boundary ``b`` (``profile.boundary_us``), with the labels
  known before ``b``.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["request", "window", "profile"]
Dtype = Literal["flag", "int", "float"]
Entity = Literal["transaction", "user", "card", "device", "merchant"]
Source = Literal["request", "transactions", "labels"]

US_PER_SECOND: Final = 1_000_000
US_PER_HOUR: Final = 3600 * US_PER_SECOND
US_PER_DAY: Final = 24 * US_PER_HOUR

MISSING: Final = -1.0
"""Stands for "not known": no feature takes this value otherwise, except those that can be negative."""

Z_MISSING: Final = 0.0
"""A deviation that cannot be told is no deviation; the count beside it says how much history there is."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time before a payment, or before a snapshot boundary when it is made of whole days."""

    label: str
    us: int

    @property
    def days(self) -> int:
        return self.us // US_PER_DAY


MINUTE_1: Final = Window("1m", 60 * US_PER_SECOND)
MINUTES_5: Final = Window("5m", 300 * US_PER_SECOND)
MINUTES_15: Final = Window("15m", 900 * US_PER_SECOND)
HOUR_1: Final = Window("1h", US_PER_HOUR)
HOURS_24: Final = Window("24h", 24 * US_PER_HOUR)
DAYS_7: Final = Window("7d", 7 * US_PER_DAY)
DAYS_30: Final = Window("30d", 30 * US_PER_DAY)
DAYS_90: Final = Window("90d", 90 * US_PER_DAY)
PROFILE_DAYS: Final = DAYS_90.days
"""The longest look-back of a profile."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the vector.

    ``missing`` is the number that stands for "not known" in the vector; a feature that has it is listed as missing.
    ``filter`` names a predicate of ``inputs.PREDICATES``.
    """

    kind: Kind
    dtype: Dtype
    entity: Entity
    input: str
    sentence: str
    aggregate: str = ""
    window: Window | None = None
    source: Source = "transactions"
    filter: str | None = None
    missing: float = MISSING

    @property
    def name(self) -> str:
        parts = (self.entity, self.input, self.aggregate, self.window.label if self.window else "")
        return "_".join(part for part in parts if part)


def _request(name: str, dtype: Dtype, sentence: str) -> Feature:
    return Feature("request", dtype, "transaction", name, sentence, source="request")


def _count(entity: Entity, window: Window, sentence: str, predicate: str | None = None) -> Feature:
    return Feature("window", "int", entity, predicate or "transactions", sentence, "count", window, filter=predicate)


def _sum(entity: Entity, window: Window, sentence: str) -> Feature:
    return Feature("window", "float", entity, "amount", sentence, "sum", window)


def _distinct(entity: Entity, what: str, window: Window, sentence: str) -> Feature:
    return Feature("window", "int", entity, what, sentence, "distinct", window)


def _last(entity: Entity, what: str, sentence: str) -> Feature:
    return Feature("window", "float", entity, what, sentence, "last", HOURS_24)


def _profile(
    entity: Entity, what: str, aggregate: str, window: Window, sentence: str, *, missing: float = MISSING
) -> Feature:
    source: Source = "labels" if what == "known_frauds" else "transactions"
    dtype = _PROFILE_DTYPES.get(aggregate, "float")
    return Feature("profile", dtype, entity, what, sentence, aggregate, window, source=source, missing=missing)


_PROFILE_DTYPES: Final[dict[str, Dtype]] = {"count": "int", "active": "int", "new": "flag"}


REQUEST: Final = (
    _request("amount", "float", "Amount of this payment in the base currency."),
    _request("amount_is_round", "flag", "The amount is a whole multiple of 100."),
    _request("amount_is_near_threshold", "flag", "The amount is up to 10 % below 1,000 or 10,000."),
    _request("hour", "int", "Hour of the day, UTC, 0 to 23."),
    _request("weekday", "int", "Day of the week, UTC, Monday 0 to Sunday 6."),
    _request("is_international", "flag", "The sender marked the payment as international."),
    _request("is_card_present", "flag", "The card was physically present."),
    _request("is_remote", "flag", "Paid online or on a mobile phone."),
    _request("is_presence_mismatch", "flag", "Card present on a remote channel, or absent at a terminal."),
    _request("channel", "int", "Channel as a number: unknown 0, POS 1, online 2, ATM 3, mobile 4."),
    _request("kind", "int", "Type as a number: unknown 0, purchase 1, withdrawal 2, transfer 3, refund 4."),
    _request("country", "int", "Country of payment as a number, 26 × first letter + second letter."),
    _request("merchant_category", "int", "Merchant category code (ISO 18245) as a number."),
    _request("has_device", "flag", "A device identifier came with the payment."),
)

USER_WINDOWS: Final = (
    _count("user", MINUTE_1, "Payments of this user in the last minute."),
    _count("user", MINUTES_5, "Payments of this user in the last 5 minutes."),
    _count("user", MINUTES_15, "Payments of this user in the last 15 minutes."),
    _count("user", HOUR_1, "Payments of this user in the last hour."),
    _count("user", HOURS_24, "Payments of this user in the last 24 hours."),
    _sum("user", HOUR_1, "Amount this user paid in the last hour."),
    _sum("user", HOURS_24, "Amount this user paid in the last 24 hours."),
    _distinct("user", "merchants", HOUR_1, "Different merchants this user paid in the last hour."),
    _distinct("user", "merchants", HOURS_24, "Different merchants this user paid in the last 24 hours."),
    _distinct("user", "countries", HOURS_24, "Different countries this user paid in during the last 24 hours."),
    _distinct("user", "devices", HOURS_24, "Different devices this user paid with in the last 24 hours."),
    _count("user", HOUR_1, "Near-threshold payments of this user in the last hour (structuring).", "near_threshold"),
    _count("user", HOUR_1, "Remote payments of this user in the last hour.", "remote"),
    _last("user", "seconds_since", "Seconds since this user's previous payment; 86,400 if none in 24 hours."),
    _last("user", "speed_kmh", "Speed needed from this user's last known place, at most 20,000 km/h."),
)

CARD_WINDOWS: Final = (
    _count("card", MINUTES_5, "Payments with this card in the last 5 minutes."),
    _count("card", HOUR_1, "Payments with this card in the last hour."),
    _sum("card", HOURS_24, "Amount paid with this card in the last 24 hours."),
    _distinct("card", "merchants", HOUR_1, "Different merchants paid with this card in the last hour."),
)

DEVICE_WINDOWS: Final = (
    _count("device", HOUR_1, "Payments from this device in the last hour."),
    _distinct("device", "users", HOUR_1, "Different users of this device in the last hour."),
    _distinct("device", "users", HOURS_24, "Different users of this device in the last 24 hours."),
)

MERCHANT_WINDOWS: Final = (
    _count("merchant", MINUTES_5, "Payments at this merchant in the last 5 minutes."),
    _count("merchant", HOUR_1, "Payments at this merchant in the last hour."),
    _sum("merchant", HOUR_1, "Amount paid at this merchant in the last hour."),
    _distinct("merchant", "users", HOUR_1, "Different users at this merchant in the last hour."),
    _count("merchant", HOUR_1, "Payments under 5 at this merchant in the last hour (card testing).", "small"),
)

USER_PROFILE: Final = (
    _profile("user", "transactions", "count", DAYS_7, "Payments of this user in 7 days."),
    _profile("user", "transactions", "count", DAYS_30, "Payments of this user in 30 days."),
    _profile("user", "transactions", "count", DAYS_90, "Payments of this user in 90 days."),
    _profile("user", "amount", "mean", DAYS_7, "Mean amount of this user over 7 days."),
    _profile("user", "amount", "mean", DAYS_30, "Mean amount of this user over 30 days."),
    _profile("user", "amount", "mean", DAYS_90, "Mean amount of this user over 90 days."),
    _profile("user", "amount", "std", DAYS_30, "Standard deviation of this user's amounts over 30 days."),
    _profile("user", "amount", "std", DAYS_90, "Standard deviation of this user's amounts over 90 days."),
    _profile("user", "amount", "max", DAYS_90, "Largest amount of this user over 90 days."),
    _profile("user", "days", "active", DAYS_30, "Days of the last 30 on which this user paid."),
    _profile("user", "amount", "zscore", DAYS_30, "Standard deviations from the 30-day mean.", missing=Z_MISSING),
    _profile("user", "amount", "zscore", DAYS_90, "Standard deviations from the 90-day mean.", missing=Z_MISSING),
    _profile("user", "amount", "ratio", DAYS_30, "This amount over the user's 30-day mean, at most 10,000."),
    _profile("user", "merchant", "new", DAYS_90, "The user paid this merchant neither in the profile nor since."),
    _profile("user", "device", "new", DAYS_90, "The user used this device neither in the profile nor since."),
    _profile("user", "country", "new", DAYS_90, "The user paid in this country neither in the profile nor since."),
    _profile("user", "known_frauds", "count", DAYS_90, "Payments of this user known as fraud, 90 days."),
)

MERCHANT_PROFILE: Final = (
    _profile("merchant", "transactions", "count", DAYS_7, "Payments at this merchant in 7 days."),
    _profile("merchant", "transactions", "count", DAYS_30, "Payments at this merchant in 30 days."),
    _profile("merchant", "amount", "mean", DAYS_30, "Mean amount at this merchant over 30 days."),
    _profile("merchant", "amount", "std", DAYS_30, "Standard deviation of amounts at this merchant, 30 days."),
    _profile("merchant", "amount", "zscore", DAYS_30, "Standard deviations from its 30-day mean.", missing=Z_MISSING),
    _profile("merchant", "known_frauds", "count", DAYS_7, "Payments at this merchant known as fraud, 7 days."),
    _profile("merchant", "known_frauds", "count", DAYS_30, "Payments at this merchant known as fraud, 30 days."),
    _profile("merchant", "known_frauds", "count", DAYS_90, "Payments at this merchant known as fraud, 90 days."),
    _profile("merchant", "known_frauds", "rate", DAYS_30, "Smoothed share of fraud among mature payments, 30 days."),
    _profile("merchant", "known_frauds", "rate", DAYS_90, "Smoothed share of fraud among mature payments, 90 days."),
    _profile("merchant", "known_frauds", "days_since", DAYS_90, "Days since the newest known fraud; 90 if none."),
)

FEATURES: Final[tuple[Feature, ...]] = (
    *REQUEST,
    *USER_WINDOWS,
    *CARD_WINDOWS,
    *DEVICE_WINDOWS,
    *MERCHANT_WINDOWS,
    *USER_PROFILE,
    *MERCHANT_PROFILE,
)
"""Every feature, in the order of the vector."""

FEATURE_NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)
"""Names in the order of the vector."""

WINDOW_ENTITIES: Final = ("user", "card", "device", "merchant")
"""Entities with recent events, in the order in which Redis keeps and returns them."""

PROFILE_ENTITIES: Final = ("user", "merchant")
"""Entities with a long history."""

_BY_NAME: Final = {feature.name: feature for feature in FEATURES}


def feature(name: str) -> Feature:
    """The feature called ``name``.

    Raises:
        KeyError: there is no such feature.
    """
    if name not in _BY_NAME:
        raise KeyError(f"no feature {name!r}; fraud-features catalogue lists them")
    return _BY_NAME[name]


def window_features(entity: str) -> tuple[Feature, ...]:
    """The window features of one entity, in vector order."""
    return tuple(f for f in FEATURES if f.kind == "window" and f.entity == entity)


def profile_features(entity: str) -> tuple[Feature, ...]:
    """The profile features of one entity, in vector order."""
    return tuple(f for f in FEATURES if f.kind == "profile" and f.entity == entity)


def longest_window(entity: str) -> Window:
    """The longest window of an entity: how far back its recent events are needed."""
    windows = [f.window for f in window_features(entity) if f.window is not None]
    return max(windows, key=lambda window: window.us)
