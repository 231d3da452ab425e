"""The one definition: every feature a model sees, declared once and compiled by the other modules of this package.

A name is built from its parts, ``<entity>_<input>_<aggregate>_<window>``, so a name and its meaning cannot drift apart.

- *request*: a function of the payment itself (``inputs.REQUEST_INPUTS``).
- *window*: over the earlier payments of the same user, card, device or merchant, or the user's earlier logins, with
  ``t - W < event_time < t``.
- *profile*: over the days ``[b - N, b)`` before a snapshot boundary ``b`` (``profile.boundary_us``), with the labels
  and KYC records known before ``b``.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

Kind = Literal["request", "window", "profile"]
Dtype = Literal["flag", "int", "float"]
Entity = Literal["transaction", "user", "card", "device", "merchant", "category"]
Source = Literal["request", "transactions", "logins", "labels", "kyc"]

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
MINUTES_10: Final = Window("10m", 600 * US_PER_SECOND)
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
    ``filter`` names a predicate of ``inputs.PREDICATES``; ``reason`` says which fraud it is there for.
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
    reason: str = ""

    @property
    def name(self) -> str:
        parts = (self.entity, self.input, self.aggregate, self.window.label if self.window else "")
        return "_".join(part for part in parts if part)


def _because(reason: str, *features: Feature) -> tuple[Feature, ...]:
    """The features, each there for one reason."""
    return tuple(replace(feature, reason=reason) for feature in features)


def _request(name: str, dtype: Dtype, sentence: str) -> Feature:
    return Feature("request", dtype, "transaction", name, sentence, source="request")


def _count(entity: Entity, window: Window, sentence: str, predicate: str | None = None) -> Feature:
    return Feature("window", "int", entity, predicate or "transactions", sentence, "count", window, filter=predicate)


def _failed_logins(window: Window, sentence: str) -> Feature:
    return Feature("window", "int", "user", "failed_logins", sentence, "count", window, source="logins")


def _sum(entity: Entity, window: Window, sentence: str) -> Feature:
    return Feature("window", "float", entity, "amount", sentence, "sum", window)


def _distinct(entity: Entity, what: str, window: Window, sentence: str) -> Feature:
    return Feature("window", "int", entity, what, sentence, "distinct", window)


def _last(entity: Entity, what: str, sentence: str) -> Feature:
    return Feature("window", "float", entity, what, sentence, "last", HOURS_24)


def _profile(
    entity: Entity, what: str, aggregate: str, window: Window, sentence: str, *, missing: float = MISSING
) -> Feature:
    source: Source = "labels" if what in LABEL_INPUTS else "transactions"
    dtype = _PROFILE_DTYPES.get(aggregate, "float")
    return Feature("profile", dtype, entity, what, sentence, aggregate, window, source=source, missing=missing)


def _kyc(what: str, aggregate: str, sentence: str, window: Window | None = None) -> Feature:
    dtype = _PROFILE_DTYPES.get(aggregate, "float")
    return Feature("profile", dtype, "user", what, sentence, aggregate, window, source="kyc")


_PROFILE_DTYPES: Final[dict[str, Dtype]] = {"count": "int", "active": "int", "new": "flag", "length": "int"}

LABEL_INPUTS: Final = ("known_frauds", "mature_frauds", "fraud_run")
"""Inputs of profile features that are taken from labels."""


def _velocity(window: Window, span: str) -> tuple[Feature, ...]:
    return (
        _count("user", window, f"Payments of this user in the last {span}."),
        _sum("user", window, f"Amount this user paid in the last {span}."),
        _distinct("user", "merchants", window, f"Different merchants this user paid in the last {span}."),
        _distinct("user", "countries", window, f"Different countries this user paid in during the last {span}."),
        _distinct("user", "devices", window, f"Different devices this user paid with in the last {span}."),
    )


def _deviation(entity: Entity, window: Window, whose: str) -> tuple[Feature, ...]:
    count, mean, std, *compared = _level(entity, window, whose)
    largest = _profile(entity, "amount", "max", window, f"Largest amount {whose} over {window.days} days.")
    return (count, mean, std, largest, *compared)


def _level(entity: Entity, window: Window, whose: str) -> tuple[Feature, ...]:
    days = window.days
    return (
        _profile(entity, "transactions", "count", window, f"Payments {whose} in {days} days."),
        _profile(entity, "amount", "mean", window, f"Mean amount {whose} over {days} days."),
        _profile(entity, "amount", "std", window, f"Standard deviation of amounts {whose} over {days} days."),
        _profile(entity, "amount", "ratio", window, f"This amount over the {days}-day mean {whose}, at most 10,000."),
        _profile(
            entity,
            "amount",
            "zscore",
            window,
            f"Standard deviations from the {days}-day mean {whose}.",
            missing=Z_MISSING,
        ),
    )


def _label_risk(entity: Entity, whose: str) -> tuple[Feature, ...]:
    return (
        *(
            _profile(entity, "known_frauds", "count", window, f"Payments {whose} known as fraud, {window.days} days.")
            for window in (DAYS_7, DAYS_30, DAYS_90)
        ),
        *(
            _profile(
                entity,
                "known_frauds",
                "rate",
                window,
                f"Smoothed share of fraud among mature payments {whose}, {window.days} days.",
            )
            for window in (DAYS_30, DAYS_90)
        ),
        _profile(
            entity, "known_frauds", "days_since", DAYS_90, f"Days since the newest known fraud {whose}; 90 if none."
        ),
        *(
            _profile(
                entity,
                "mature_frauds",
                "rate",
                window,
                f"Smoothed share of fraud {whose} in the {window.days} days before labels are complete.",
            )
            for window in (DAYS_7, DAYS_30)
        ),
        _profile(entity, "fraud_run", "length", DAYS_90, f"Known frauds in the newest run of them {whose}; 0 if none."),
        _profile(
            entity, "fraud_run", "age", DAYS_90, f"Days since the newest run of known frauds {whose} began; 90 if none."
        ),
    )


REQUEST: Final = (
    *_because(
        "Fraud has amounts, hours and channels of its own; the other features are read against these.",
        _request("amount", "float", "Amount of this payment in the base currency."),
        _request("hour", "int", "Hour of the day, UTC, 0 to 23."),
        _request("weekday", "int", "Day of the week, UTC, Monday 0 to Sunday 6."),
        _request("channel", "int", "Channel as a number: unknown 0, POS 1, online 2, ATM 3, mobile 4."),
        _request("kind", "int", "Type as a number: unknown 0, purchase 1, withdrawal 2, transfer 3, refund 4."),
        _request("country", "int", "Country of payment as a number, 26 × first letter + second letter."),
        _request("merchant_category", "int", "Merchant category code (ISO 18245) as a number."),
    ),
    *_because(
        "Structuring stays just under a limit; somebody who empties an account likes round amounts.",
        _request("amount_is_round", "flag", "The amount is a whole multiple of 100."),
        _request("amount_is_near_threshold", "flag", "The amount is up to 10 % below 1,000 or 10,000."),
    ),
    *_because(
        "Stolen card data is used where no card has to be shown, often abroad.",
        _request("is_international", "flag", "The sender marked the payment as international."),
        _request("is_card_present", "flag", "The card was physically present."),
        _request("is_remote", "flag", "Paid online or on a mobile phone."),
        _request("is_presence_mismatch", "flag", "Card present on a remote channel, or absent at a terminal."),
        _request("has_device", "flag", "A device identifier came with the payment."),
    ),
)

USER_WINDOWS: Final = (
    *_because(
        "Velocity bursts, account takeovers and bust-outs spend fast, at many places.",
        *_velocity(MINUTE_1, "minute"),
        *_velocity(MINUTES_5, "5 minutes"),
        *_velocity(MINUTES_15, "15 minutes"),
        *_velocity(HOUR_1, "hour"),
        *_velocity(HOURS_24, "24 hours"),
        _last("user", "seconds_since", "Seconds since this user's previous payment; 86,400 if none in 24 hours."),
    ),
    *_because(
        "An account takeover begins with a storm of failed logins, and pays minutes later.",
        _failed_logins(MINUTES_10, "Failed logins of this user in the last 10 minutes."),
        _failed_logins(HOURS_24, "Failed logins of this user in the last 24 hours."),
    ),
    *_because(
        "Structuring splits one sum into payments just under a limit.",
        _count("user", HOUR_1, "Near-threshold payments of this user in the last hour.", "near_threshold"),
    ),
    *_because(
        "A card-not-present spike is many remote payments in a short time.",
        _count("user", HOUR_1, "Remote payments of this user in the last hour.", "remote"),
    ),
    *_because(
        "Impossible travel: the card is somewhere its owner cannot have reached.",
        _last("user", "speed_kmh", "Speed needed from this user's last known place, at most 20,000 km/h."),
    ),
)

CARD_WINDOWS: Final = _because(
    "Card testing and skimmed cards: one card, many payments, whoever the user is said to be.",
    _count("card", MINUTES_5, "Payments with this card in the last 5 minutes."),
    _count("card", HOUR_1, "Payments with this card in the last hour."),
    _sum("card", HOURS_24, "Amount paid with this card in the last 24 hours."),
    _distinct("card", "merchants", HOUR_1, "Different merchants paid with this card in the last hour."),
)

DEVICE_WINDOWS: Final = _because(
    "A ring of fraudsters shares devices; a customer's own device has one user, or a family.",
    _count("device", HOUR_1, "Payments from this device in the last hour."),
    _distinct("device", "users", HOUR_1, "Different users of this device in the last hour."),
    _distinct("device", "users", HOURS_24, "Different users of this device in the last 24 hours."),
)

MERCHANT_WINDOWS: Final = _because(
    "A compromised or fraudulent merchant is seen by a sudden rush, card testing by many tiny payments.",
    _count("merchant", MINUTES_5, "Payments at this merchant in the last 5 minutes."),
    _count("merchant", HOUR_1, "Payments at this merchant in the last hour."),
    _sum("merchant", HOUR_1, "Amount paid at this merchant in the last hour."),
    _distinct("merchant", "users", HOUR_1, "Different users at this merchant in the last hour."),
    _count("merchant", HOUR_1, "Payments under 5 at this merchant in the last hour.", "small"),
)

USER_PROFILE: Final = (
    *_because(
        "A thief does not pay the amounts that the owner pays.",
        *_deviation("user", DAYS_7, "of this user"),
        *_deviation("user", DAYS_30, "of this user"),
        *_deviation("user", DAYS_90, "of this user"),
        _profile("user", "days", "active", DAYS_30, "Days of the last 30 on which this user paid."),
    ),
    *_because(
        "A thief pays elsewhere, from another device, in another country than the owner.",
        _profile("user", "merchant", "new", DAYS_90, "The user paid this merchant neither in the profile nor since."),
        _profile("user", "device", "new", DAYS_90, "The user used this device neither in the profile nor since."),
        _profile("user", "country", "new", DAYS_90, "The user paid in this country neither in the profile nor since."),
    ),
    *_because(
        "A thief does not keep the owner's hours.",
        _profile(
            "user",
            "hour",
            "share",
            DAYS_90,
            "Share of this user's payments in this hour or a neighbouring one, 90 days.",
        ),
        _profile(
            "user", "weekday", "share", DAYS_90, "Share of this user's payments on this day of the week, 90 days."
        ),
    ),
    *_because(
        "Who was a victim is one again until the card is changed; who commits fraud repeats it.",
        *_label_risk("user", "of this user"),
    ),
    *_because(
        "Mules and bust-outs are young customers; who takes an account over has the phone number changed first.",
        _kyc("customer", "age", "Days since this user became a customer, by the newest KYC record."),
        _kyc("kyc", "age", "Days since the first KYC record of this user."),
        _kyc("kyc_changes", "days_since", "Days since the newest KYC record of this user."),
        _kyc("kyc_changes", "count", "KYC records of this user after the first one, 30 days.", DAYS_30),
        _kyc("kyc_changes", "count", "KYC records of this user after the first one, 90 days.", DAYS_90),
        _kyc("contact_changes", "count", "Changes of this user's address, phone or e-mail, 30 days.", DAYS_30),
    ),
)

MERCHANT_PROFILE: Final = (
    *_because(
        "An amount that is unusual for the merchant; a young or tiny merchant is a risk of its own.",
        *_deviation("merchant", DAYS_7, "at this merchant"),
        *_deviation("merchant", DAYS_30, "at this merchant"),
        *_deviation("merchant", DAYS_90, "at this merchant"),
    ),
    *_because(
        "A compromised or fraudulent merchant goes on for days: what is known of the first frauds warns of the next.",
        *_label_risk("merchant", "at this merchant"),
    ),
)

CATEGORY_PROFILE: Final = _because(
    "What is much for a grocer is little for a jeweller: a young merchant has no level of its own, its category has.",
    *_level("category", DAYS_7, "in this merchant category"),
    *_level("category", DAYS_30, "in this merchant category"),
)

FEATURES: Final[tuple[Feature, ...]] = (
    *REQUEST,
    *USER_WINDOWS,
    *CARD_WINDOWS,
    *DEVICE_WINDOWS,
    *MERCHANT_WINDOWS,
    *USER_PROFILE,
    *MERCHANT_PROFILE,
    *CATEGORY_PROFILE,
)
"""Every feature, in the order of the vector."""

FEATURE_NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)
"""Names in the order of the vector."""

WINDOW_ENTITIES: Final = ("user", "card", "device", "merchant")
"""Entities with recent events, in the order in which Redis keeps and returns them."""

PROFILE_ENTITIES: Final = ("user", "merchant", "category")
"""Entities with a long history, in the order in which Redis is asked for their profiles."""

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
    """The features over the earlier payments of one entity, in vector order."""
    return tuple(f for f in FEATURES if f.kind == "window" and f.source == "transactions" and f.entity == entity)


def login_features() -> tuple[Feature, ...]:
    """The features over the user's earlier logins, in vector order."""
    return tuple(f for f in FEATURES if f.source == "logins")


def profile_features(entity: str) -> tuple[Feature, ...]:
    """The profile features of one entity, in vector order."""
    return tuple(f for f in FEATURES if f.kind == "profile" and f.entity == entity)


def longest_window(entity: str) -> Window:
    """The longest window of an entity: how far back its recent events are needed."""
    return _longest(window_features(entity))


def longest_login_window() -> Window:
    """The longest window over logins."""
    return _longest(login_features())


def _longest(features: tuple[Feature, ...]) -> Window:
    return max((f.window for f in features if f.window is not None), key=lambda window: window.us)
