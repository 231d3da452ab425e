"""What a payment's fields may hold: the one set of bounds by which replay, Bronze, feature writer and API judge.

Patterns are ASCII only and hold for the whole text: match them with ``fullmatch``, or between ``^`` and ``\\z``.
Python's and Java's ``$`` would let a line break through, and ``\\d`` takes every script's digits.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

MAX_ID_LENGTH: Final = 64
# Ids and free texts by their longest length, in characters; they hold at least one.
TEXT_LENGTHS: Final[Mapping[str, int]] = {
    "transaction_id": MAX_ID_LENGTH,
    "user_id": MAX_ID_LENGTH,
    "merchant_id": MAX_ID_LENGTH,
    "device_id": MAX_ID_LENGTH,
    "account_id": MAX_ID_LENGTH,
    "counterparty_id": MAX_ID_LENGTH,
    # a hash in hexadecimal of up to 512 bits
    "ip_hash": 128,
}
# Control characters are no part of any text, and PostgreSQL cannot store the zero among them.
CONTROL_CHARACTER: Final = r"[\x00-\x1f\x7f]"
CODE_PATTERNS: Final[Mapping[str, str]] = {
    "currency": "[A-Z]{3}",
    "country": "[A-Z]{2}",
    "counterparty_country": "[A-Z]{2}",
    "merchant_category_code": "[0-9]{4}",
    # A card number in clear has no key id and no colon, so it can never pass as a hash.
    "card_hash": "[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}",
    "card_bin": "[0-9]{6,8}",
}
# Every text field of the contract but the enums.
TEXT_PATTERNS: Final[Mapping[str, str]] = {
    **{name: rf"[^\x00-\x1f\x7f]{{1,{longest}}}" for name, longest in TEXT_LENGTHS.items()},
    **CODE_PATTERNS,
}

# Payments are bounded so that one absurd amount cannot own every sum: a billion of the base currency.
MIN_AMOUNT_CENTS: Final = 1
MAX_AMOUNT_CENTS: Final = 1_000_000_000_00
# Degrees to either side of zero.
DEGREE_LIMITS: Final[Mapping[str, float]] = {"latitude": 90.0, "longitude": 180.0}
# Fixed bounds, never a clock (the broker's is one too): a replay gives the same answer for ever, and a simulated clock
# may run ahead of ours. What lies outside is a mistake of unit (milliseconds, a missing century), and so is the latest.
EARLIEST_EVENT: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_EVENT: Final = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_EVENT_US: Final = int(EARLIEST_EVENT.timestamp()) * 1_000_000
LATEST_EVENT_US: Final = int(LATEST_EVENT.timestamp()) * 1_000_000
