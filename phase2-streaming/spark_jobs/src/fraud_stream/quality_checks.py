"""Quality checks as data, and the one compiled pass that judges a row by all of them.

Every expression is Spark SQL over the fields of the record and ``_kafka_timestamp``, true for a good row. A check is
compiled as ``coalesce(expression, false)``, so that a NULL can never slip between good and bad; a field that may be
absent says so itself (``x IS NULL OR …``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark reader knows

from fraud_contracts import LABELS, TRANSACTIONS, Topic, field_names, schema


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: its name is the reason code, its severity says whether the row leaves Bronze or is only counted."""

    name: str
    expression: str
    severity: Literal["quarantine", "warn"] = "quarantine"


MAX_ID_LENGTH = 64
# Payments are bounded so that one absurd amount cannot own every sum: a billion of the base currency.
MAX_AMOUNT = 1_000_000_000
# Fixed bounds, never a clock (the broker's is one too): a replay gives the same answer for ever, and a simulated clock
# may run ahead of ours. The feature writer and the API judge by the same two.
EARLIEST_EVENT_TIME = "TIMESTAMP '1990-01-01 00:00:00'"
LATEST_EVENT_TIME = "TIMESTAMP '2100-01-01 00:00:00'"


def _id(field: str, *, required: bool) -> Check:
    expression = f"length({field}) BETWEEN 1 AND {MAX_ID_LENGTH}"
    return Check(f"{field}_length", expression if required else f"{field} IS NULL OR {expression}")


def _pattern(field: str, pattern: str) -> Check:
    return Check(f"{field}_format", f"{field} IS NULL OR {field} RLIKE '{pattern}'")


def _known(field: str) -> Check:
    """An enum symbol that this reader does not know arrives as UNKNOWN: wanted, but worth a count."""
    return Check(f"{field}_known", f"{field} IS NULL OR {field} <> 'UNKNOWN'", severity="warn")


def _time(field: str, *, required: bool) -> tuple[Check, Check]:
    absent = "" if required else f"{field} IS NULL OR "
    return (
        Check(f"{field}_too_old", f"{absent}{field} >= {EARLIEST_EVENT_TIME}"),
        Check(f"{field}_in_future", f"{absent}{field} < {LATEST_EVENT_TIME}"),
    )


def _valid_text(topic: Topic) -> Check:
    """Avro strings may hold any bytes; only UTF-8 can be read by everything behind Bronze."""
    plain = [field["name"] for field in schema(topic)["fields"] if "string" in _branches(field["type"])]
    return Check("text_encoding", " AND ".join(f"coalesce(is_valid_utf8({name}), true)" for name in plain))


def _branches(avro_type: Any) -> Sequence[Any]:
    return avro_type if isinstance(avro_type, list) else [avro_type]


CHECKS: dict[str, tuple[Check, ...]] = {
    TRANSACTIONS.name: (
        _valid_text(TRANSACTIONS),
        _id("transaction_id", required=True),
        _id("user_id", required=True),
        _id("merchant_id", required=True),
        Check("amount_positive", "amount > 0"),
        Check("amount_bounded", f"amount <= {MAX_AMOUNT}"),
        *_time("event_time", required=True),
        Check("latitude_range", "latitude IS NULL OR latitude BETWEEN -90 AND 90"),
        Check("longitude_range", "longitude IS NULL OR longitude BETWEEN -180 AND 180"),
        Check("place_complete", "(latitude IS NULL) = (longitude IS NULL)", severity="warn"),
        _pattern("currency", "^[A-Z]{3}$"),
        _pattern("country", "^[A-Z]{2}$"),
        _pattern("counterparty_country", "^[A-Z]{2}$"),
        _pattern("merchant_category_code", "^[0-9]{4}$"),
        # A card number in clear has no key id and no colon, so it can never pass as a hash.
        _pattern("card_hash", "^[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}$"),
        _pattern("card_bin", "^[0-9]{6,8}$"),
        _id("device_id", required=False),
        _id("account_id", required=False),
        _id("counterparty_id", required=False),
        Check("ip_hash_length", "ip_hash IS NULL OR length(ip_hash) BETWEEN 1 AND 128"),
        _known("channel"),
        _known("transaction_type"),
    ),
    LABELS.name: (
        _valid_text(LABELS),
        _id("label_id", required=True),
        _id("transaction_id", required=True),
        *_time("event_time", required=True),
        Check("is_fraud_present", "is_fraud IS NOT NULL"),
        _id("user_id", required=False),
        _id("merchant_id", required=False),
        *_time("transaction_time", required=False),
        Check("label_after_transaction", "transaction_time IS NULL OR transaction_time <= event_time", severity="warn"),
        _id("fraud_type", required=False),
        _known("source"),
    ),
}


def checks_of(topic: Topic) -> tuple[Check, ...]:
    """The checks of a topic's rows, in the order in which their names appear in ``reasons``."""
    return CHECKS[topic.name]


def failed(check: Check) -> Column:
    """True for a row that does not pass, for every row, NULLs included."""
    return ~F.coalesce(F.expr(check.expression), F.lit(False))


def reasons(checks: Sequence[Check]) -> Column:
    """``array<string>`` of the names of the quarantine checks that a row fails; empty for a good row."""
    return F.array_compact(
        F.array(*(F.when(failed(check), F.lit(check.name)) for check in checks if check.severity == "quarantine"))
    )


def warnings(checks: Sequence[Check]) -> dict[str, Column]:
    """For each warn check, by name, whether a row fails it."""
    return {check.name: failed(check) for check in checks if check.severity == "warn"}


def required_field(topic: Topic) -> str:
    """A field that every decodable record has."""
    return next(name for name in field_names(topic) if name == topic.id_field)
