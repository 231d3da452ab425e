"""Values at the edge of every bound: whoever judges payments is tested with these, so that all judge alike.

Each is a field of ``transactions.raw`` and a value as the decoded record holds it: ``event_time`` in microseconds,
``amount`` in whole cents. The numbers are written out, not taken from the bounds: a bound that moves is noticed.
"""

from typing import Final

Example = tuple[str, str | int | float]

_IDS: Final = ("transaction_id", "user_id", "merchant_id", "device_id", "account_id", "counterparty_id")

WITHIN: Final[tuple[Example, ...]] = (
    *((name, "x" * 64) for name in _IDS),
    *((name, "ü" * 64) for name in _IDS),
    ("ip_hash", "0" * 128),
    ("amount", 1),
    ("amount", 100_000_000_000),
    ("event_time", 631_152_000_000_000),
    ("event_time", 4_102_444_799_999_999),
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
)

BEYOND: Final[tuple[Example, ...]] = (
    *((name, "x" * 65) for name in _IDS),
    *((name, "") for name in _IDS),
    *((name, "a\tb") for name in _IDS),
    *((name, "a\n") for name in _IDS),
    ("user_id", "a\x00"),
    ("user_id", "a\x7fb"),
    ("ip_hash", "0" * 129),
    ("ip_hash", "0\n"),
    ("ip_hash", ""),
    ("amount", 0),
    ("amount", -1),
    ("amount", 100_000_000_001),
    ("amount", 999_999_999_999),
    ("event_time", 631_151_999_999_999),
    ("event_time", 4_102_444_800_000_000),
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
)
