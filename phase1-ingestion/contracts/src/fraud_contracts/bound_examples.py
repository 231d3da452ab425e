"""Values at the edge of every bound: whoever judges records is tested with these, so that all judge alike.

Each is a field and a value as the decoded record holds it: times in microseconds, decimals in whole hundredths.
The numbers are written out, not taken from the bounds: a bound that moves is noticed.
"""

from typing import Final

from fraud_contracts.field_bounds import cent_limits, degree_limits, number_limits, text_patterns, time_limits
from fraud_contracts.names import TRANSACTIONS, Topic

Example = tuple[str, str | int | float]

_IDS: Final = (
    *("transaction_id", "user_id", "merchant_id", "device_id", "account_id", "counterparty_id"),
    *("label_id", "login_id", "card_event_id", "kyc_change_id", "alert_id", "session_id"),
    *("fraud_type", "alert_type", "source"),
)
_WORDS: Final = ("failure_reason", "reason", "occupation", "entity_id")
_KEYED_HASHES: Final = ("address_hash", "phone_hash", "email_hash")

_WITHIN: Final[tuple[Example, ...]] = (
    *((name, "x" * 64) for name in _IDS),
    *((name, "ü" * 64) for name in _IDS),
    *((name, "x" * 128) for name in _WORDS),
    *((name, "ü" * 128) for name in _WORDS),
    ("entity_id", "k1:" + "0f" * 32),
    ("description", "ü" * 1024),
    ("ip_hash", "0" * 128),
    ("amount", 1),
    ("amount", 100_000_000_000),
    ("limit_amount", 0),
    ("limit_amount", 100_000_000_000),
    ("annual_income", 0),
    ("annual_income", 100_000_000_000),
    *((name, 631_152_000_000_000) for name in ("event_time", "transaction_time", "expires_at")),
    *((name, 4_102_444_799_999_999) for name in ("event_time", "transaction_time", "expires_at")),
    *((name, -2_208_988_800_000_000) for name in ("valid_from", "customer_since")),
    *((name, 4_102_444_799_999_999) for name in ("valid_from", "customer_since")),
    ("birth_year", 1880),
    ("birth_year", 2099),
    ("latitude", -90.0),
    ("latitude", 90.0),
    ("longitude", -180.0),
    ("longitude", 180.0),
    ("currency", "EUR"),
    ("country", "DE"),
    ("counterparty_country", "FR"),
    ("merchant_category_code", "0742"),
    ("card_bin", "400012"),
    ("card_bin", "40001234"),
    ("card_hash", "k1:" + "0f" * 32),
    ("card_hash", "A.b_c-" + "9" * 26 + ":" + "0f" * 32),
    *((name, "0f" * 16) for name in _KEYED_HASHES),
    *((name, "k1:" + "0f" * 64) for name in _KEYED_HASHES),
)

_BEYOND: Final[tuple[Example, ...]] = (
    *((name, "x" * 65) for name in _IDS),
    *((name, "") for name in _IDS),
    *((name, "a\tb") for name in _IDS),
    *((name, "a\n") for name in _IDS),
    *((name, "x" * 129) for name in _WORDS),
    *((name, "") for name in _WORDS),
    *((name, "a\n") for name in _WORDS),
    ("description", "x" * 1025),
    ("description", ""),
    ("description", "a\nb"),
    ("user_id", "a\x00"),
    ("user_id", "a\x7fb"),
    ("ip_hash", "0" * 129),
    ("ip_hash", "0\n"),
    ("ip_hash", ""),
    ("amount", 0),
    ("amount", -1),
    ("amount", 100_000_000_001),
    ("amount", 999_999_999_999),
    ("limit_amount", -1),
    ("limit_amount", 100_000_000_001),
    ("annual_income", -1),
    ("annual_income", 100_000_000_001),
    *((name, 631_151_999_999_999) for name in ("event_time", "transaction_time", "expires_at")),
    *((name, 4_102_444_800_000_000) for name in ("event_time", "transaction_time", "expires_at")),
    *((name, -2_208_988_800_000_001) for name in ("valid_from", "customer_since")),
    *((name, 4_102_444_800_000_000) for name in ("valid_from", "customer_since")),
    ("birth_year", 1879),
    ("birth_year", 2100),
    ("birth_year", 84),
    ("latitude", 90.000001),
    ("latitude", -91.0),
    ("latitude", float("nan")),
    ("longitude", 180.000001),
    ("longitude", float("inf")),
    ("currency", "eur"),
    ("currency", "EURO"),
    ("currency", "EUR\n"),
    ("country", "de"),
    ("country", "DEU"),
    ("country", "DE\n"),
    ("country", "ÄÖ"),
    ("counterparty_country", ""),
    ("counterparty_country", "DE\n"),
    ("merchant_category_code", "541"),
    ("merchant_category_code", "54111"),
    ("merchant_category_code", "5411\n"),
    ("merchant_category_code", "٥٤١١"),
    ("card_bin", "12345"),
    ("card_bin", "123456789"),
    ("card_bin", "400012\n"),
    ("card_bin", "٤٠٠٠١٢"),
    ("card_hash", "4111111111111111"),
    ("card_hash", "k1:" + "0F" * 32),
    ("card_hash", "k1:" + "0f" * 32 + "\n"),
    *((name, "0f" * 15) for name in _KEYED_HASHES),
    *((name, "0f" * 65) for name in _KEYED_HASHES),
    *((name, "0F" * 16) for name in _KEYED_HASHES),
    *((name, "0f" * 16 + "\n") for name in _KEYED_HASHES),
    ("address_hash", "12 Main Street"),
    ("phone_hash", "00491701234567"),
    ("email_hash", "somebody@example.com"),
)


def within(topic: Topic) -> tuple[Example, ...]:
    """The values at the edge that each bounded field of a topic may hold."""
    return _of(topic, _WITHIN)


def beyond(topic: Topic) -> tuple[Example, ...]:
    """The values just beyond, that none of them may hold."""
    return _of(topic, _BEYOND)


def _of(topic: Topic, examples: tuple[Example, ...]) -> tuple[Example, ...]:
    limits = (text_patterns, cent_limits, degree_limits, number_limits, time_limits)
    bounded = {name for each in limits for name in each(topic)}
    return tuple(example for example in examples if example[0] in bounded)


# What serving and replay judge are payments.
WITHIN: Final = within(TRANSACTIONS)
BEYOND: Final = beyond(TRANSACTIONS)
