"""Payments, logins, labels and KYC records as the feature code sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_cents(amount: Decimal | float | int | str) -> int:
    """An amount of the base currency in whole cents; a float is read as it is written (500.1 is 50010 cents)."""
    exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    return int((exact * 100).to_integral_value(ROUND_HALF_EVEN))


class RecentEvent(NamedTuple):
    """What the windows need of an earlier payment; its order is the layout of the payload in Redis."""

    transaction_id: str
    event_us: int
    amount_cents: int
    user_id: str
    merchant_id: str
    country: str | None = None
    device_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    channel: str | None = None


class RecentLogin(NamedTuple):
    """What the windows need of an earlier login; its order is the layout of the payload in Redis."""

    login_id: str
    event_us: int
    failed: bool


FAILED_OUTCOMES: Final = ("FAILURE", "LOCKED")
"""Outcomes of a login that count as failed; a challenge may still be met."""


@dataclass(frozen=True, slots=True)
class Login:
    """An attempt to sign in; ``event_us`` is UTC in microseconds, ``outcome`` a symbol of the contract or None."""

    login_id: str
    event_us: int
    user_id: str
    outcome: str | None = None

    def entity_id(self, _: str) -> str:
        """Identifier of whose logins these are."""
        return self.user_id

    def as_recent(self) -> RecentLogin:
        """What later payments will need of this login."""
        return RecentLogin(self.login_id, self.event_us, self.outcome in FAILED_OUTCOMES)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment, scored or past: the request side of every feature.

    ``event_us`` is UTC in microseconds, ``amount_cents`` whole cents of the base currency; coordinates are degrees.
    """

    transaction_id: str
    event_us: int
    user_id: str
    merchant_id: str
    amount_cents: int
    is_international: bool | None = None
    card_hash: str | None = None
    device_id: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    channel: str | None = None
    card_present: bool | None = None
    transaction_type: str | None = None
    merchant_category_code: str | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Transaction":
        """From a decoded ``transactions.raw`` value: ``amount`` decimal, ``event_time`` a datetime or microseconds.

        Raises:
            KeyError: one of the five required fields is absent.
        """
        moment = record["event_time"]
        return cls(
            transaction_id=record["transaction_id"],
            event_us=moment if isinstance(moment, int) else _microseconds(moment),
            user_id=record["user_id"],
            merchant_id=record["merchant_id"],
            amount_cents=to_cents(record["amount"]),
            **{name: record.get(name) for name in _OPTIONAL},
        )

    def entity_id(self, entity: str) -> str | None:
        """Identifier of the payment's user, card, device, merchant or merchant category; None where it has none."""
        return {
            "user": self.user_id,
            "card": self.card_hash,
            "device": self.device_id,
            "merchant": self.merchant_id,
            "category": self.merchant_category_code or None,
        }[entity]

    def as_recent(self) -> RecentEvent:
        """What later payments will need of this one."""
        return RecentEvent(
            self.transaction_id,
            self.event_us,
            self.amount_cents,
            self.user_id,
            self.merchant_id,
            self.country,
            self.device_id,
            self.latitude,
            self.longitude,
            self.channel,
        )


_OPTIONAL = (
    "is_international",
    "card_hash",
    "device_id",
    "country",
    "latitude",
    "longitude",
    "channel",
    "card_present",
    "transaction_type",
    "merchant_category_code",
)


@dataclass(frozen=True, slots=True)
class Label:
    """What became known about a payment: ``known_us`` is when, ``transaction_us`` when the payment happened."""

    transaction_id: str
    user_id: str
    merchant_id: str
    transaction_us: int
    known_us: int
    is_fraud: bool


CONTACT_CHANGES: Final = ("ADDRESS_CHANGED", "PHONE_CHANGED", "EMAIL_CHANGED")
"""Kinds of KYC records after which a customer is reached elsewhere."""


@dataclass(frozen=True, slots=True)
class KycChange:
    """A record of a customer's KYC profile: ``known_us`` is when it became known, UTC in microseconds.

    ``change_type`` is a symbol of the contract or None; ``customer_since_us`` is when the customer came, if it says so.
    """

    kyc_change_id: str
    known_us: int
    user_id: str
    change_type: str | None = None
    customer_since_us: int | None = None


def _microseconds(moment: datetime) -> int:
    """A datetime (naive: UTC) in microseconds since 1970, in integers throughout."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
