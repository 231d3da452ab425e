"""Quality checks as data, and the one compiled pass that judges a row by all of them.

Every expression is Spark SQL over the fields of the record, true for a good row. A check is compiled as
``coalesce(expression, false)``, so that a NULL can never slip between good and bad; a field that may be absent says so
itself (``x IS NULL OR …``). What a payment's fields may hold is said by the contracts, for everybody who judges them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark reader knows

from fraud_contracts import (
    CODE_PATTERNS,
    CONTROL_CHARACTER,
    DEGREE_LIMITS,
    EARLIEST_EVENT,
    LABELS,
    LATEST_EVENT,
    MAX_AMOUNT_CENTS,
    MAX_ID_LENGTH,
    MIN_AMOUNT_CENTS,
    TEXT_LENGTHS,
    TRANSACTIONS,
    Topic,
    field_names,
    schema,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: its name is the reason code, its severity says whether the row leaves Bronze or is only counted."""

    name: str
    expression: str
    severity: Literal["quarantine", "warn"] = "quarantine"


EARLIEST_EVENT_TIME = f"TIMESTAMP '{EARLIEST_EVENT:%Y-%m-%d %H:%M:%S}'"
LATEST_EVENT_TIME = f"TIMESTAMP '{LATEST_EVENT:%Y-%m-%d %H:%M:%S}'"


def _id(field: str, *, required: bool) -> Check:
    expression = f"length({field}) BETWEEN 1 AND {TEXT_LENGTHS.get(field, MAX_ID_LENGTH)}"
    return Check(f"{field}_length", expression if required else f"{field} IS NULL OR {expression}")


def _code(field: str) -> Check:
    # \z and not $, which would let a line break at the end through
    return Check(f"{field}_format", rf"{field} IS NULL OR {field} RLIKE r'^({CODE_PATTERNS[field]})\z'")


def _degrees(field: str) -> Check:
    limit = DEGREE_LIMITS[field]
    return Check(f"{field}_range", f"{field} IS NULL OR {field} BETWEEN -{limit:g} AND {limit:g}")


def _cents(cents: int) -> str:
    """Whole cents as a decimal literal: a double would not compare exactly."""
    return f"{cents // 100}.{cents % 100:02d}"


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
    return Check(
        "text_encoding", " AND ".join(f"coalesce(is_valid_utf8({name}), true)" for name in _text_fields(topic))
    )


def _printable(topic: Topic) -> Check:
    """No text holds control characters: the API refuses them, and PostgreSQL cannot store the zero among them."""
    texts = ", ".join(_text_fields(topic))
    return Check("text_control_characters", f"NOT concat_ws('', {texts}) RLIKE r'{CONTROL_CHARACTER}'")


def _text_fields(topic: Topic) -> list[str]:
    return [field["name"] for field in schema(topic)["fields"] if "string" in _branches(field["type"])]


def _branches(avro_type: Any) -> Sequence[Any]:
    return avro_type if isinstance(avro_type, list) else [avro_type]


CHECKS: dict[str, tuple[Check, ...]] = {
    TRANSACTIONS.name: (
        _valid_text(TRANSACTIONS),
        _printable(TRANSACTIONS),
        _id("transaction_id", required=True),
        _id("user_id", required=True),
        _id("merchant_id", required=True),
        Check("amount_positive", f"amount >= {_cents(MIN_AMOUNT_CENTS)}"),
        Check("amount_bounded", f"amount <= {_cents(MAX_AMOUNT_CENTS)}"),
        *_time("event_time", required=True),
        _degrees("latitude"),
        _degrees("longitude"),
        Check("place_complete", "(latitude IS NULL) = (longitude IS NULL)", severity="warn"),
        *map(_code, CODE_PATTERNS),
        _id("device_id", required=False),
        _id("account_id", required=False),
        _id("counterparty_id", required=False),
        _id("ip_hash", required=False),
        _known("channel"),
        _known("transaction_type"),
    ),
    LABELS.name: (
        _valid_text(LABELS),
        _printable(LABELS),
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
