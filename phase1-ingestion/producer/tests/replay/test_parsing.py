"""Somebody's values become ours, and what does not fit is named by field, value and reason."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from fraud_contracts import TEXT_PATTERNS
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example
from fraud_producer.errors import MappingError
from fraud_producer.events import cents_of, iso
from fraud_producer.pan import CardHasher
from fraud_producer.replay import Mapping
from fraud_producer.replay.parsing import HIDDEN, RowError, RowParser
from fraud_producer.replay.row import Row

HASHER = CardHasher(b"k" * 32)
COLUMNS = {"event_time": "t", "user_id": "u", "merchant_id": "m", "amount": "a"}
GOOD = {"t": "2026-01-02T03:04:05Z", "u": "u1", "m": "m1", "a": "12.34"}
NUMBER = "4000 1234 5678 9017"


def parse(row: dict[str, Any], columns: dict[str, str] | None = None, **mapping: Any) -> dict[str, Any]:
    layout = Mapping.model_validate({"columns": COLUMNS | (columns or {})} | mapping)
    return RowParser(layout, "a.csv", HASHER).parse(Row(1, 2, GOOD | row)).record


def refuse(row: dict[str, Any], columns: dict[str, str] | None = None, **mapping: Any) -> RowError:
    with pytest.raises(RowError) as refused:
        parse(row, columns, **mapping)
    return refused.value


@pytest.mark.parametrize(
    ("value", "layout", "expected"),
    [
        ("2026-01-02T03:04:05Z", {}, "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02 03:04:05.123456", {}, "2026-01-02T03:04:05.123456Z"),
        ("2026-07-02 03:04:05", {"zone": "Europe/Berlin"}, "2026-07-02T01:04:05.000000Z"),
        ("2026-01-02T03:04:05+02:00", {"zone": "Europe/Berlin"}, "2026-01-02T01:04:05.000000Z"),
        ("1767323045", {"format": "epoch_s"}, "2026-01-02T03:04:05.000000Z"),
        ("1767323045.25", {"format": "epoch_s"}, "2026-01-02T03:04:05.250000Z"),
        (1767323045123, {"format": "epoch_ms"}, "2026-01-02T03:04:05.123000Z"),
        ("1767323045123456", {"format": "epoch_us"}, "2026-01-02T03:04:05.123456Z"),
        ("02.01.2026 03:04", {"format": "%d.%m.%Y %H:%M"}, "2026-01-02T03:04:00.000000Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), {}, "2026-01-02T00:00:00.000000Z"),
    ],
)
def test_times(value: Any, layout: dict[str, str], expected: str) -> None:
    assert iso(parse({"t": value}, time=layout)["event_time"]) == expected


@pytest.mark.parametrize(
    ("value", "layout", "expected"),
    [
        ("12.34", {}, 1234),
        ("1.234,56", {"decimal_comma": True}, 123456),
        ("1234", {"unit": "minor"}, 1234),
        (7.1, {}, 710),
        ("-5", {"absolute": True}, 500),
        ("1,234,567.89", {"thousands": ","}, 123456789),
        ("1'234.5", {"thousands": "'"}, 123450),
        ("12\u00a0345,60", {"thousands": " ", "decimal_comma": True}, 1234560),
        (1234.5, {"decimal_comma": True}, 123450),
        ("0.125", {}, 12),
        ("0.135", {}, 14),
    ],
)
def test_amounts(value: Any, layout: dict[str, Any], expected: int) -> None:
    assert cents_of(parse({"a": value}, amount=layout)["amount"]) == expected


def test_another_currency_is_converted_by_its_rate() -> None:
    layout = {"base_currency": "EUR", "rates": {"USD": 0.9}}
    record = parse({"c": "usd", "a": "100"}, {"currency": "c"}, amount=layout)
    assert (cents_of(record["amount"]), record["currency"]) == (9000, "USD")


def test_a_currency_without_a_rate_is_refused() -> None:
    wrong = refuse({"c": "USD"}, {"currency": "c"}, amount={"base_currency": "EUR"})
    assert (wrong.field, wrong.value) == ("currency", "USD")
    assert "add it to amount.rates" in wrong.reason


def test_amounts_of_two_currencies_are_never_one_unit() -> None:
    with pytest.raises(ValidationError, match=r"columns\.currency needs amount\.base_currency"):
        Mapping.model_validate({"columns": COLUMNS | {"currency": "c"}})
    with pytest.raises(ValidationError, match=r"'JPY' has no rate into EUR"):
        Mapping.model_validate(
            {"columns": COLUMNS, "constants": {"currency": "JPY"}, "amount": {"base_currency": "EUR"}}
        )


def test_a_row_without_id_gets_one_of_source_and_row_number() -> None:
    first = parse({})["transaction_id"]
    assert first == parse({})["transaction_id"]
    assert first != parse({}, source="b")["transaction_id"]
    assert len(first) == 36


def test_a_card_number_becomes_hash_and_prefix() -> None:
    record = parse({"p": NUMBER}, {"card_number": "p"})
    assert record["card_hash"] == HASHER.card_hash(NUMBER)
    assert record["card_bin"] == "400012"
    assert "card_number" not in record
    assert "9017" not in str({**record, "card_hash": ""})


def test_constants_and_translations() -> None:
    record = parse(
        {"w": "Kasse", "y": "ja"},
        {"channel": "w", "card_present": "y"},
        constants={"currency": "EUR", "is_international": False},
        values={"channel": {"Kasse": "POS"}, "card_present": {"ja": "true"}},
    )
    assert (record["channel"], record["card_present"]) == ("POS", True)
    assert (record["currency"], record["is_international"]) == ("EUR", False)


def test_any_other_word_can_have_a_translation() -> None:
    assert parse({"w": "Fax"}, {"channel": "w"}, values={"channel": {"*": "UNKNOWN"}})["channel"] == "UNKNOWN"


def test_missing_optional_values_are_fine() -> None:
    record = parse({"w": "  ", "l": None}, {"channel": "w", "latitude": "l"})
    assert (record["channel"], record["latitude"]) == (None, None)


def test_a_category_code_keeps_its_leading_zero() -> None:
    assert parse({"c": 742}, {"merchant_category_code": "c"})["merchant_category_code"] == "0742"


@pytest.mark.parametrize(
    ("values", "columns", "field", "value", "reason"),
    [
        ({"a": ""}, {}, "amount", "", "is empty, and a payment needs it"),
        ({"a": "12,34"}, {}, "amount", "12,34", "check amount.decimal_comma"),
        ({"a": "1,234.50"}, {}, "amount", "1,234.50", "check amount.decimal_comma and amount.thousands"),
        ({"a": [1, 2]}, {}, "amount", "list", "holds several values"),
        ({"a": "NaN"}, {}, "amount", "NaN", "is no number"),
        ({"a": "-3"}, {}, "amount", "-3", "set amount.absolute"),
        ({"a": "0"}, {}, "amount", "0", "is not between 0.01"),
        ({"a": "99999999999"}, {}, "amount", "99999999999", "is not between 0.01"),
        ({"t": "yesterday"}, {}, "event_time", "yesterday", "is not written as 'iso': set time.format"),
        ({"t": "0026-01-01"}, {}, "event_time", "0026-01-01", "check time.format"),
        ({"u": "u" * 65}, {}, "user_id", "u" * 65, "longer than 64"),
        ({"u": "a\x00b"}, {}, "user_id", "a\x00b", "control characters"),
        ({"u": "a\udcff"}, {}, "user_id", "a\udcff", "set csv.encoding"),
        ({"w": "Fax"}, {"channel": "w"}, "channel", "Fax", "translate it under values.channel"),
        ({"w": "maybe"}, {"card_present": "w"}, "card_present", "maybe", "translate it under values"),
        ({"w": "91"}, {"latitude": "w"}, "latitude", "91", "between -90 and 90"),
        ({"w": "Germany"}, {"country": "w"}, "country", "Germany", "two letters"),
        ({"w": "abc"}, {"card_hash": "w"}, "card_hash", "abc", "64 hex digits"),
        ({"w": "4000123456789017"}, {"card_hash": "w"}, "card_hash", HIDDEN, "map it as card_number"),
        ({"w": "1234"}, {"card_number": "w"}, "card_number", HIDDEN, "not a card number"),
    ],
)
def test_what_does_not_fit_is_named(
    values: dict[str, Any], columns: dict[str, str], field: str, value: str, reason: str
) -> None:
    wrong = refuse(values, columns)
    assert (wrong.field, wrong.value) == (field, value)
    assert reason in wrong.reason


def test_a_row_of_another_length_is_refused() -> None:
    parser = RowParser(Mapping.model_validate({"columns": COLUMNS}), "a.csv", HASHER)
    with pytest.raises(RowError, match="has 3 columns"):
        parser.parse(Row(1, 2, {}, "has 3 columns, the header has 4"))


@pytest.mark.parametrize(("value", "expected"), [("J", True), ("j", True), ("N", False), ("", None), (None, None)])
def test_labels(value: Any, expected: bool | None) -> None:
    assert judged(value, fraud_values=["J"]) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, True), (1.0, True), ("1.0", True), ("1.00", True), (True, True), (Decimal("1.0"), True)),
        *((0, False), (0.0, False), ("0.0", False), (False, False)),
        *((float("nan"), None), (2.0, None), ("1.5", None)),
    ],
    ids=repr,
)
def test_whole_numbers_say_fraud_as_floats_too(value: Any, expected: bool | None) -> None:
    assert judged(value) is expected


def test_a_mapping_may_write_whole_numbers_as_floats_too() -> None:
    assert judged("1", fraud_values=["1.0"]) is True


def judged(value: Any, **label: Any) -> bool | None:
    layout = Mapping.model_validate({"columns": COLUMNS, "label": {"column": "f", "delay_days": 1} | label})
    return RowParser(layout, "a.csv", HASHER).parse(Row(1, 2, GOOD | {"f": value})).is_fraud


def sent(example: Example) -> Any:
    """What the producer sends of a file that holds one value of the contracts' examples."""
    name, value = example
    columns = {**COLUMNS, name: "x"}
    layout: dict[str, Any] = {"columns": columns, "time": {"format": "epoch_us"}, "amount": {"unit": "minor"}}
    if name == "currency":
        layout["amount"] |= {"base_currency": "EUR"}
    row = {**GOOD, "t": 1767323045000000, "a": "1234", "x": value}
    record = RowParser(Mapping.model_validate(layout), "a.csv", HASHER).parse(Row(1, 2, row)).record
    return cents_of(record[name]) if name == "amount" else record[name]


@pytest.mark.parametrize("example", WITHIN, ids=repr)
def test_what_the_contracts_allow_is_sent_as_it_is(example: Example) -> None:
    assert sent(example) == example[1]


@pytest.mark.parametrize("example", BEYOND, ids=repr)
def test_what_bronze_would_quarantine_is_not_sent(example: Example) -> None:
    # some is put right instead: a space around it is dropped, an empty optional field is absent
    name = example[0]
    try:
        value = sent(example)
    except RowError as wrong:
        value, name = None, wrong.field
    assert name == example[0]
    assert value is None or (isinstance(value, str) and re.fullmatch(TEXT_PATTERNS[name], value))


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"country": "Germany"}, r"constants\.country: 'Germany' is no ISO 3166 code of two letters"),
        ({"channel": "Fax"}, r"constants\.channel: 'Fax' is none of .*values\.channel"),
        ({"card_hash": "4000123456789017"}, r"constants\.card_hash: '\(hidden\)' looks like a card number"),
    ],
)
def test_a_constant_that_does_not_fit_is_named(constants: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError, match=message):
        RowParser(Mapping.model_validate({"columns": COLUMNS, "constants": constants}), "a.csv", HASHER)
