"""What the fields of the topics may hold: the one set of bounds by which replay, Bronze, feature writer and API judge.

A field's name means the same on every topic, and so do its bounds. The functions at the end give those of one topic's
fields; what is missing there is an enum or a boolean.

Patterns are ASCII only and hold for the whole text: match them with ``fullmatch``, or between ``^`` and ``\\z``.
Python's and Java's ``$`` would let a line break through, and ``\\d`` takes every script's digits.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fraud_contracts.names import Topic
from fraud_contracts.schemas import schema

MAX_ID_LENGTH: Final = 64
# Ids and free texts by their longest length, in characters; they hold at least one.
TEXT_LENGTHS: Final[Mapping[str, int]] = {
    "transaction_id": MAX_ID_LENGTH,
    "label_id": MAX_ID_LENGTH,
    "login_id": MAX_ID_LENGTH,
    "card_event_id": MAX_ID_LENGTH,
    "kyc_change_id": MAX_ID_LENGTH,
    "alert_id": MAX_ID_LENGTH,
    "user_id": MAX_ID_LENGTH,
    "merchant_id": MAX_ID_LENGTH,
    "device_id": MAX_ID_LENGTH,
    "account_id": MAX_ID_LENGTH,
    "counterparty_id": MAX_ID_LENGTH,
    "session_id": MAX_ID_LENGTH,
    # any of the above, or a card_hash or ip_hash
    "entity_id": 128,
    # a hash in hexadecimal of up to 512 bits
    "ip_hash": 128,
    # words of the sender
    "fraud_type": 64,
    "alert_type": 64,
    "source": 64,
    "failure_reason": 128,
    "reason": 128,
    "occupation": 128,
    "description": 1024,
}
# What people or other systems write in their own words; whoever has a card number at hand writes that, too.
FREE_TEXTS: Final = frozenset(
    {"fraud_type", "alert_type", "source", "failure_reason", "reason", "occupation", "description"}
)
# A card number in clear as it stands in a text: 13 to 19 digits, or in the groups that are embossed on cards. The first
# digit is that of a card scheme, and not of a time in milliseconds. Whether it is one says the Luhn formula (ISO 7812).
CARD_NUMBER: Final = (
    "(?<![0-9])([2-6][0-9]{12,18}|[2-6][0-9]{3}([ -][0-9]{4}){3}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5})(?![0-9])"
)
# Control characters are no part of any text, and PostgreSQL cannot store the zero among them.
CONTROL_CHARACTER: Final = r"[\x00-\x1f\x7f]"
# A hash, with its key's id before it where there is one: no address, telephone number or e-mail address looks like it.
_KEYED_HASH: Final = "([A-Za-z0-9._-]{1,32}:)?[0-9a-f]{32,128}"
CODE_PATTERNS: Final[Mapping[str, str]] = {
    "currency": "[A-Z]{3}",
    "country": "[A-Z]{2}",
    "counterparty_country": "[A-Z]{2}",
    "merchant_category_code": "[0-9]{4}",
    # A card number in clear has no key id and no colon, so it can never pass as a hash.
    "card_hash": "[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}",
    "card_bin": "[0-9]{6,8}",
    "address_hash": _KEYED_HASH,
    "phone_hash": _KEYED_HASH,
    "email_hash": _KEYED_HASH,
}
# Every text field of the contracts but the enums.
TEXT_PATTERNS: Final[Mapping[str, str]] = {
    **{name: rf"[^\x00-\x1f\x7f]{{1,{longest}}}" for name, longest in TEXT_LENGTHS.items()},
    **CODE_PATTERNS,
}

# Payments are bounded so that one absurd amount cannot own every sum: a billion of the base currency.
MIN_AMOUNT_CENTS: Final = 1
MAX_AMOUNT_CENTS: Final = 1_000_000_000_00
# The decimals by their least and largest value, in whole hundredths.
CENT_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "amount": (MIN_AMOUNT_CENTS, MAX_AMOUNT_CENTS),
    # zero stops the card
    "limit_amount": (0, MAX_AMOUNT_CENTS),
    "annual_income": (0, MAX_AMOUNT_CENTS),
}
# Degrees to either side of zero.
DEGREE_LIMITS: Final[Mapping[str, float]] = {"latitude": 90.0, "longitude": 180.0}
# Whole numbers by their least and largest value.
NUMBER_LIMITS: Final[Mapping[str, tuple[int, int]]] = {"birth_year": (1880, 2099)}

# Fixed bounds, never a clock (the broker's is one too): a replay gives the same answer for ever, and a simulated clock
# may run ahead of ours. What lies outside is a mistake of unit (milliseconds, a missing century), and so is the latest.
EARLIEST_EVENT: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_EVENT: Final = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_EVENT_US: Final = int(EARLIEST_EVENT.timestamp()) * 1_000_000
LATEST_EVENT_US: Final = int(LATEST_EVENT.timestamp()) * 1_000_000
# What is remembered of a customer's life may be older than any event.
EARLIEST_FACT: Final = datetime(1900, 1, 1, tzinfo=UTC)
# The times by the first moment that is allowed and the first that is not.
TIME_LIMITS: Final[Mapping[str, tuple[datetime, datetime]]] = {
    "event_time": (EARLIEST_EVENT, LATEST_EVENT),
    "transaction_time": (EARLIEST_EVENT, LATEST_EVENT),
    "expires_at": (EARLIEST_EVENT, LATEST_EVENT),
    "valid_from": (EARLIEST_FACT, LATEST_EVENT),
    "customer_since": (EARLIEST_FACT, LATEST_EVENT),
}


def text_patterns(topic: Topic) -> dict[str, str]:
    """The pattern of each text field of a topic, enums left out."""
    return {name: TEXT_PATTERNS[name] for name in _fields(topic, "string")}


def cent_limits(topic: Topic) -> dict[str, tuple[int, int]]:
    """The least and the largest value of each decimal of a topic, in whole hundredths."""
    return {name: CENT_LIMITS[name] for name in _fields(topic, "decimal")}


def degree_limits(topic: Topic) -> dict[str, float]:
    """The degrees to either side of zero of each double of a topic."""
    return {name: DEGREE_LIMITS[name] for name in _fields(topic, "double")}


def number_limits(topic: Topic) -> dict[str, tuple[int, int]]:
    """The least and the largest value of each whole number of a topic."""
    return {name: NUMBER_LIMITS[name] for name in _fields(topic, "int")}


def time_limits(topic: Topic) -> dict[str, tuple[datetime, datetime]]:
    """The first moment that is allowed and the first that is not, of each time of a topic."""
    return {name: TIME_LIMITS[name] for name in _fields(topic, "timestamp-micros")}


def _fields(topic: Topic, kind: str) -> list[str]:
    """The topic's fields of an Avro type or logical type, in the order of the schema."""
    return [field["name"] for field in schema(topic)["fields"] if kind in map(_kind, _branches(field["type"]))]


def _kind(branch: Any) -> str:
    return str(branch.get("logicalType", branch["type"])) if isinstance(branch, dict) else str(branch)


def _branches(avro_type: Any) -> Sequence[Any]:
    return avro_type if isinstance(avro_type, list) else [avro_type]
