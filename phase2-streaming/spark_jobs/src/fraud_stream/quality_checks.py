"""Quality checks as data, and the one compiled pass that judges a row by all of them.

Every expression is Spark SQL over the fields of the record, true for a good row. A check is compiled as
``coalesce(expression, false)``, so that a NULL can never slip between good and bad; a field that may be absent says so
itself (``x IS NULL OR …``). What a field may hold is said by the contracts, for everybody who judges records; what the
fields of one topic say of each other is said here.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark reader knows

from fraud_contracts import (
    CARD_EVENTS,
    CARD_NUMBER,
    CODE_PATTERNS,
    CONTROL_CHARACTER,
    EXTERNAL_ALERTS,
    FREE_TEXTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TEXT_LENGTHS,
    TRANSACTIONS,
    Topic,
    cent_limits,
    degree_limits,
    field_names,
    number_limits,
    schema,
    text_patterns,
    time_limits,
)

# between the texts of a row when all are looked at together
SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: its name is the reason code, its severity says whether the row leaves Bronze or is only counted."""

    name: str
    expression: str
    severity: Literal["quarantine", "warn"] = "quarantine"
    # shared by several checks, true only for rows that pass or that another check stops: where it holds, the expression
    # is not asked
    first_look: str = "false"


def _of_every_field(topic: Topic) -> Iterator[Check]:
    """What the contracts say of each field of a topic: required or not, and its bounds."""
    texts = tuple(text_patterns(topic))
    required = {field["name"] for field in schema(topic)["fields"] if "default" not in field}
    all_fit = _all_fit(texts, required)
    yield _valid_text(texts, all_fit)
    yield _printable(texts, all_fit)
    yield from (_no_card_number(name) for name in texts if name in FREE_TEXTS)
    for name, field, expression in map(_text, texts):
        yield Check(name, _unless_absent(field, expression, required), first_look=all_fit)
    for name, field, expression in _limits(topic):
        yield Check(name, _unless_absent(field, expression, required))
    for field in _fields_of(topic, "boolean"):
        if field in required:
            yield Check(f"{field}_present", f"{field} IS NOT NULL")
    for field in _fields_of(topic, "enum"):
        # a symbol that this reader does not know arrives as UNKNOWN: wanted, but worth a count
        yield Check(f"{field}_known", f"{field} IS NULL OR {field} <> 'UNKNOWN'", severity="warn")


def _unless_absent(field: str, expression: str, required: Container[str]) -> str:
    return expression if field in required else f"{field} IS NULL OR {expression}"


def _all_fit(texts: Sequence[str], required: Container[str]) -> str:
    """The first look of all checks of texts: one pattern for one text made of all of them, which most rows match.

    So a good row is held against one pattern and not against one for each text. Of free texts only printable ASCII
    matches. No part of the pattern matches a separator, and there are as many as fields less one, so each part has
    matched its own field. An absent text is an empty one, and an empty one that is there does not match.
    """
    parts = (CODE_PATTERNS.get(name, f"[ -~]{{1,{TEXT_LENGTHS.get(name)}}}") for name in texts)
    wanted = (f"({part})" if name in required else f"({part})?" for name, part in zip(texts, parts, strict=True))
    values = (f"CASE {name} WHEN '' THEN '{SEPARATOR}' ELSE coalesce({name}, '') END" for name in texts)
    return rf"concat_ws('{SEPARATOR}', {', '.join(values)}) RLIKE r'^{SEPARATOR.join(wanted)}\z'"


def _text(field: str) -> tuple[str, str, str]:
    """Name of a text's check, its field, and what holds when it is not null."""
    if field in CODE_PATTERNS:
        return f"{field}_format", field, _matches(field, CODE_PATTERNS[field])
    return f"{field}_length", field, f"length({field}) BETWEEN 1 AND {TEXT_LENGTHS[field]}"


def _limits(topic: Topic) -> Iterator[tuple[str, str, str]]:
    """The same for everything that has a least and a largest value."""
    for field, (least, largest) in cent_limits(topic).items():
        low = "positive" if least > 0 else "not_negative"
        yield f"{field}_{low}", field, f"{field} >= {_cents(least)}"
        yield f"{field}_bounded", field, f"{field} <= {_cents(largest)}"
    for field, (first, end) in time_limits(topic).items():
        yield f"{field}_too_old", field, f"{field} >= {_moment(first)}"
        yield f"{field}_in_future", field, f"{field} < {_moment(end)}"
    for field, limit in degree_limits(topic).items():
        yield f"{field}_range", field, f"{field} BETWEEN -{limit:g} AND {limit:g}"
    for field, (lowest, highest) in number_limits(topic).items():
        yield f"{field}_range", field, f"{field} BETWEEN {lowest} AND {highest}"


def _matches(field: str, pattern: str) -> str:
    # \z and not $, which would let a line break at the end through
    return rf"{field} RLIKE r'^({pattern})\z'"


def _cents(cents: int) -> str:
    """Whole cents as a decimal literal: a double would not compare exactly."""
    return f"{cents // 100}.{cents % 100:02d}"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"


def _valid_text(texts: Sequence[str], all_fit: str) -> Check:
    """Avro strings may hold any bytes; only UTF-8 can be read by everything behind Bronze."""
    every = " AND ".join(f"coalesce(is_valid_utf8({name}), true)" for name in texts)
    return Check("text_encoding", every, first_look=all_fit)


def _no_card_number(field: str) -> Check:
    """Bronze is read by many, and nobody looks for card numbers in it."""
    numbers = f"regexp_extract_all({field}, r'{CARD_NUMBER}', 0)"
    # most texts have nothing of that kind, and are done with the first look
    return Check(
        f"card_number_in_{field}",
        f"{field} IS NULL OR NOT {field} RLIKE r'{CARD_NUMBER}' "
        f"OR NOT exists({numbers}, number -> luhn_check(translate(number, ' -', '')))",
    )


def _printable(texts: Sequence[str], all_fit: str) -> Check:
    """No text holds control characters: the API refuses them, and PostgreSQL cannot store the zero among them."""
    every = f"NOT concat_ws('', {', '.join(texts)}) RLIKE r'{CONTROL_CHARACTER}'"
    return Check("text_control_characters", every, first_look=all_fit)


def _fields_of(topic: Topic, kind: str) -> list[str]:
    return [field["name"] for field in schema(topic)["fields"] if kind in map(_kind, _branches(field["type"]))]


def _kind(branch: Any) -> str:
    return str(branch["type"] if isinstance(branch, dict) else branch)


def _branches(avro_type: Any) -> Sequence[Any]:
    return avro_type if isinstance(avro_type, list) else [avro_type]


def _not_after(name: str, field: str, other: str) -> Check:
    return Check(name, f"{field} IS NULL OR {other} IS NULL OR {field} <= {other}", severity="warn")


_PLACE_COMPLETE = Check("place_complete", "(latitude IS NULL) = (longitude IS NULL)", severity="warn")
# An entity of a kind that we do not know might be a card all the same, and those have 12 to 19 digits.
_NO_CARD_IN_CLEAR = (
    f"CASE WHEN entity_type = 'CARD' THEN {_matches('entity_id', CODE_PATTERNS['card_hash'])} "
    f"WHEN coalesce(entity_type, 'UNKNOWN') = 'UNKNOWN' THEN NOT {_matches('entity_id', '[0-9]{12,19}')} ELSE true END"
)
# What the fields of one topic say of each other.
_TOGETHER: dict[str, tuple[Check, ...]] = {
    TRANSACTIONS.name: (
        _PLACE_COMPLETE,
        Check(
            "card_present_fits_channel",
            "card_present IS NULL OR channel IS NULL OR NOT (card_present AND channel = 'ONLINE')",
            severity="warn",
        ),
        Check(
            "counterparty_is_another",
            "counterparty_id IS NULL OR account_id IS NULL OR counterparty_id <> account_id",
            severity="warn",
        ),
    ),
    LABELS.name: (_not_after("label_after_transaction", "transaction_time", "event_time"),),
    LOGINS.name: (
        _PLACE_COMPLETE,
        Check(
            "failure_reason_fits_outcome",
            "failure_reason IS NULL OR outcome IS NULL OR outcome <> 'SUCCESS'",
            severity="warn",
        ),
    ),
    CARD_EVENTS.name: (
        Check("card_or_account_named", "card_hash IS NOT NULL OR account_id IS NOT NULL", severity="warn"),
        Check(
            "limit_amount_fits_event",
            "event_type IS NULL OR event_type <> 'LIMIT_CHANGED' OR limit_amount IS NOT NULL",
            severity="warn",
        ),
    ),
    KYC_PROFILES.name: (
        _not_after("valid_before_known", "valid_from", "event_time"),
        _not_after("customer_since_before_known", "customer_since", "event_time"),
        Check(
            "born_before_customer",
            "birth_year IS NULL OR customer_since IS NULL OR birth_year <= year(customer_since)",
            severity="warn",
        ),
    ),
    EXTERNAL_ALERTS.name: (
        Check("card_number_in_clear", _NO_CARD_IN_CLEAR),
        _not_after("alert_after_transaction", "transaction_time", "event_time"),
        _not_after("expires_after_alert", "event_time", "expires_at"),
    ),
}
CHECKS: dict[str, tuple[Check, ...]] = {
    topic.name: (*_of_every_field(topic), *_TOGETHER[topic.name]) for topic in RAW_TOPICS
}


def checks_of(topic: Topic) -> tuple[Check, ...]:
    """The checks of a topic's rows, in the order in which their names appear in ``reasons``."""
    return CHECKS[topic.name]


def _fails(check: Check) -> str:
    return f"NOT coalesce({check.expression}, false)"


def reasons(checks: Sequence[Check]) -> Column:
    """``array<string>`` of the names of the quarantine checks that a row fails; empty for a good row.

    Spark compiles comparisons to byte code but interprets ``array_compact`` and whatever stands inside. So it is asked
    first whether any check fails, and only then which. All of it is one text: composed of columns it would be a call to
    the JVM for each part of each check, for each micro-batch.
    """
    judging = [check for check in checks if check.severity == "quarantine"]
    names = ", ".join(f"CASE WHEN {_fails(check)} THEN '{check.name}' END" for check in judging)
    any_fails = " OR ".join(_any_fails(judging)) or "false"
    return F.expr(f"CASE WHEN {any_fails} THEN array_compact(array({names})) ELSE CAST(array() AS array<string>) END")


def _any_fails(judging: Sequence[Check]) -> Iterator[str]:
    """Conditions of which one at least is true for a row that does not pass; one for each first look."""
    for first_look in dict.fromkeys(check.first_look for check in judging):
        failing = (f"({_fails(check)})" for check in judging if check.first_look == first_look)
        yield f"NOT ({first_look}) AND ({' OR '.join(failing)})"


def warnings(checks: Sequence[Check]) -> list[Check]:
    """The checks whose failing is only counted."""
    return [check for check in checks if check.severity == "warn"]


def warning_bits(checks: Sequence[Check]) -> Column:
    """int of a row: bit i is set if it fails the i-th of the :func:`warnings`.

    As one number the verdicts are kept and counted without another look at the row.
    """
    bits = (f"CASE WHEN {_fails(check)} THEN {1 << bit} ELSE 0 END" for bit, check in enumerate(warnings(checks)))
    return F.expr(" | ".join(bits) or "0")


def required_field(topic: Topic) -> str:
    """A field that every decodable record has."""
    return next(name for name in field_names(topic) if name == topic.id_field)
