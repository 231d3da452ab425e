"""From a row of somebody's file to a record of ours; what does not fit is named by field, value and reason."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from fraud_contracts import (
    CODE_PATTERNS,
    CONTROL_CHARACTER,
    DEGREE_LIMITS,
    EARLIEST_EVENT,
    EARLIEST_EVENT_US,
    LATEST_EVENT,
    LATEST_EVENT_US,
    MAX_AMOUNT_CENTS,
    MAX_ID_LENGTH,
    MIN_AMOUNT_CENTS,
    TEXT_LENGTHS,
    TRANSACTIONS,
    field_names,
    schema,
)
from fraud_producer.errors import MappingError
from fraud_producer.events import decimal_bytes, to_us
from fraud_producer.pan import CardHasher, CardNumberError, issuer_prefix
from fraud_producer.replay.mapping import ANY_OTHER, CARD_NUMBER, REQUIRED, AmountFormat, Mapping, TimeFormat
from fraud_producer.replay.row import Row

# Ids made for rows that have none: stable for a source's name and a row's number.
ID_NAMESPACE: Final = UUID("6f1a6c0e-5d0f-5b7a-9f3c-2d1c7f0a4e11")
HIDDEN: Final = "(hidden)"
_EPOCH_FACTORS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_TRUE: Final = frozenset({"1", "true", "yes", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "no", "n", "f"})
_CARD_NUMBER_IN_CLEAR: Final = re.compile(r"[\d -]{12,23}")
_CONTROL_CHARACTER: Final = re.compile(CONTROL_CHARACTER)
# What a code is that does not match its pattern.
_REASONS: Final = {
    "country": "is no ISO 3166 code of two letters",
    "counterparty_country": "is no ISO 3166 code of two letters",
    "currency": "is no ISO 4217 code of three letters",
    "merchant_category_code": "is no ISO 18245 code of four digits",
    "card_bin": "is no issuer prefix of six to eight digits",
    "card_hash": "is not <key id>:<64 hex digits>",
}
_WHOLE: Final = re.compile(r"(-?[0-9]+)\.0+")

Parser = Callable[[Any], Any]


class RowError(ValueError):
    """A row that cannot be sent: the field, its value as far as it may be shown, and the reason."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """A record, and whether and as what the file calls it fraud; None where it neither says fraud nor honest."""

    record: dict[str, Any]
    is_fraud: bool | None
    fraud_type: str | None


class RowParser:
    """Turns rows into records by a mapping; made once for a file.

    Raises:
        MappingError: a constant of the mapping does not fit its field.
    """

    def __init__(self, mapping: Mapping, source_name: str, hasher: CardHasher) -> None:
        self._mapping = mapping
        self._source = mapping.source or source_name
        self._hasher = hasher
        self._empty = dict.fromkeys(field_names(TRANSACTIONS))
        self._parsers = _parsers(mapping)
        try:
            self._constants = {name: self._parse(name, value) for name, value in mapping.constants.items()}
        except RowError as wrong:
            raise MappingError(f"constants.{wrong.field}: {wrong.value!r} {wrong.reason}") from None
        label = mapping.label
        self._fraud_values = frozenset(map(_plain, label.fraud_values if label else ()))
        self._honest_values = frozenset(map(_plain, label.honest_values if label else ()))

    def parse(self, row: Row) -> ParsedRow:
        """The record of a row.

        Raises:
            RowError: the row cannot be sent.
        """
        if row.problem:
            raise RowError("(row)", "", row.problem)
        record = dict(self._empty)
        record.update(self._constants)
        for name, column in self._mapping.columns.items():
            value = self._parse(name, row.values.get(column))
            if name == CARD_NUMBER:
                self._add_card(record, value)
            else:
                record[name] = value
        for name in REQUIRED:
            if record[name] is None:
                raise RowError(name, "", "is empty, and a payment needs it")
        if record["transaction_id"] is None:
            record["transaction_id"] = str(uuid5(ID_NAMESPACE, f"{self._source}:{row.number}"))
        record["amount"] = decimal_bytes(self._in_base_currency(record))
        return ParsedRow(record, *self._label(row))

    def _parse(self, name: str, value: Any) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, float) and math.isnan(value):
            return None
        if isinstance(value, list | dict | tuple):
            raise RowError(name, type(value).__name__, "holds several values where one is expected: map another column")
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        translations = self._mapping.values.get(name)
        if translations is not None:
            text = str(value).strip()
            value = translations.get(text, translations.get(ANY_OTHER, value))
        try:
            return self._parsers[name](value)
        except (ValueError, InvalidOperation, OverflowError, OSError) as wrong:
            raise RowError(
                name, HIDDEN if name == CARD_NUMBER else shown(value), str(wrong) or "cannot be read"
            ) from None

    def _add_card(self, record: dict[str, Any], number: str | None) -> None:
        if number is not None:
            try:
                record["card_hash"], record["card_bin"] = self._hasher.card_hash(number), issuer_prefix(number)
            except CardNumberError as wrong:
                raise RowError(CARD_NUMBER, HIDDEN, str(wrong)) from None

    def _in_base_currency(self, record: dict[str, Any]) -> int:
        """The amount in cents of the base currency."""
        layout, currency = self._mapping.amount, record["currency"]
        cents: Decimal = record["amount"]
        if layout.base_currency is not None and currency not in (None, layout.base_currency):
            if currency not in layout.rates:
                raise RowError("currency", currency, f"has no rate into {layout.base_currency}: add it to amount.rates")
            cents = cents * Decimal(str(layout.rates[currency]))
        whole = int(cents.to_integral_value(ROUND_HALF_EVEN))
        if not MIN_AMOUNT_CENTS <= whole <= MAX_AMOUNT_CENTS:
            reason = f"is not between {MIN_AMOUNT_CENTS / 100:,.2f} and {MAX_AMOUNT_CENTS / 100:,.2f}"
            raise RowError("amount", str(cents / 100), reason)
        return whole

    def _label(self, row: Row) -> tuple[bool | None, str | None]:
        label = self._mapping.label
        if label is None:
            return None, None
        value = row.values.get(label.column)
        text = "" if value is None else _plain(value)
        if text not in self._fraud_values:
            return (False if text in self._honest_values else None), None
        kind = row.values.get(label.type_column) if label.type_column else None
        return True, (str(kind).strip()[:MAX_ID_LENGTH] or None) if kind is not None else None


def _plain(value: Any) -> str:
    """A word to compare: lower case, and a whole number as one although a file holds it as 1.0."""
    text = str(value).strip().lower()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _parsers(mapping: Mapping) -> dict[str, Parser]:
    """One parser per field, by the field's type in the contract."""
    parsers: dict[str, Parser] = {CARD_NUMBER: _text}
    for field in schema(TRANSACTIONS)["fields"]:
        name, kind = field["name"], field["type"]
        kind = next(branch for branch in kind if branch != "null") if isinstance(kind, list) else kind
        if name == "event_time":
            parsers[name] = _time_parser(mapping.time)
        elif name == "amount":
            parsers[name] = _amount_parser(mapping.amount)
        elif isinstance(kind, dict):
            parsers[name] = _symbol_parser(name, kind["symbols"])
        elif kind == "double":
            parsers[name] = _degrees_parser(DEGREE_LIMITS[name])
        elif kind == "boolean":
            parsers[name] = _boolean
        else:
            parsers[name] = _code_parser(name) if name in CODE_PATTERNS else _text_parser(TEXT_LENGTHS[name])
    return parsers


def _text(value: Any) -> str:
    # a whole number read as a float is somebody's id all the same
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("is not text in the file's encoding: set csv.encoding") from None
    return text


def _text_parser(longest: int) -> Parser:
    def parse(value: Any) -> str:
        text = _text(value)
        if len(text) > longest:
            raise ValueError(f"is longer than {longest} characters")
        if _CONTROL_CHARACTER.search(text):
            raise ValueError("holds control characters")
        return text

    return parse


def _code_parser(name: str) -> Parser:
    pattern, reason = re.compile(CODE_PATTERNS[name]), _REASONS[name]

    def parse(value: Any) -> str:
        text = _text(value)
        if name == "merchant_category_code":
            text = text.zfill(4)
        elif name in ("country", "counterparty_country", "currency") and text.isascii():
            text = text.upper()
        if not pattern.fullmatch(text):
            raise ValueError("looks like a card number: map it as card_number" if _may_be_card_number(text) else reason)
        return text

    return parse


def _symbol_parser(name: str, symbols: list[str]) -> Parser:
    def parse(value: Any) -> str:
        symbol = _text(value).upper()
        if symbol not in symbols:
            raise ValueError(f"is none of {', '.join(symbols)}: translate it under values.{name}")
        return symbol

    return parse


def _degrees_parser(limit: float) -> Parser:
    def parse(value: Any) -> float:
        degrees = float(str(value).replace(",", "."))
        if not -limit <= degrees <= limit:
            raise ValueError(f"is not between -{limit:g} and {limit:g} degrees")
        return degrees

    return parse


def _boolean(value: Any) -> bool:
    text = _plain(value)
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("is neither true nor false: translate it under values")


def _amount_parser(layout: AmountFormat) -> Parser:
    point = "," if layout.decimal_comma else "."
    separator = layout.thousands or ("." if layout.decimal_comma else None)
    spaces = "[ \u00a0\u202f]" if separator == " " else None
    grouped = re.compile(
        rf"[+-]?\d{{1,3}}({spaces or re.escape(separator)}\d{{3}})+({re.escape(point)}\d*)?" if separator else "(?!)"
    )

    def parse(value: Any) -> Decimal:
        # a number of a Parquet or JSON file has no layout
        text = str(value).strip()
        if isinstance(value, str):
            if grouped.fullmatch(text):
                text = re.sub(spaces or re.escape(separator or ""), "", text)
            if layout.decimal_comma:
                text = text.replace(".", "?").replace(",", ".")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError("is no number: check amount.decimal_comma and amount.thousands") from None
        if not number.is_finite():
            raise ValueError("is no number")
        if number < 0 and not layout.absolute:
            raise ValueError("is negative: set amount.absolute if the file writes debits so")
        return abs(number) * (1 if layout.unit == "minor" else 100)

    return parse


def _time_parser(layout: TimeFormat) -> Parser:
    zone = ZoneInfo(layout.zone)
    factor = _EPOCH_FACTORS.get(layout.format)

    def parse(value: Any) -> int:
        try:
            moment = _moment(value, layout.format, zone, factor)
        except (ValueError, InvalidOperation, OverflowError):
            raise ValueError(f"is not written as {layout.format!r}: set time.format") from None
        if not EARLIEST_EVENT_US <= moment < LATEST_EVENT_US:
            years = f"{EARLIEST_EVENT.year} and {LATEST_EVENT.year}"
            raise ValueError(f"is not between the years {years}: check time.format")
        return moment

    return parse


def _moment(value: Any, layout: str, zone: ZoneInfo, factor: int | None) -> int:
    if factor is not None and not isinstance(value, datetime):
        return int(Decimal(str(value).strip()) * factor)
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, date):
        parsed = datetime(value.year, value.month, value.day)
    elif layout == "iso":
        parsed = datetime.fromisoformat(str(value).strip())
    else:
        parsed = datetime.strptime(str(value).strip(), layout)
    return to_us(parsed if parsed.tzinfo else parsed.replace(tzinfo=zone))


def shown(value: Any) -> str:
    """A value as messages show it: never what may be a card number."""
    return HIDDEN if _may_be_card_number(value) else str(value)[:200]


def _may_be_card_number(value: Any) -> bool:
    return isinstance(value, str | int) and bool(_CARD_NUMBER_IN_CLEAR.fullmatch(str(value).strip()))
