import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from fraud_contracts import TRANSACTIONS, field_names, schema
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example
from fraud_features import Transaction
from fraud_serving.predictions.schemas import PredictRequest

MINIMAL = {"transaction_id": "t1", "user_id": "U1234", "amount": 500, "merchant_id": "M001", "is_international": False}


def parse(body: str) -> PredictRequest:
    return PredictRequest.model_validate_json(body)


def with_amount(amount: str) -> PredictRequest:
    return parse('{"transaction_id":"t","user_id":"u","merchant_id":"m","amount":' + amount + "}")


def parsed(**change: Any) -> PredictRequest:
    return parse(json.dumps({**MINIMAL, **change}))


def test_the_body_has_exactly_the_fields_of_the_contract() -> None:
    assert set(PredictRequest.model_fields) == set(field_names(TRANSACTIONS))


def test_features_read_every_field_but_those_that_are_only_recorded() -> None:
    read = {field.name for field in fields(Transaction)} | {"amount", "event_time"}
    only_recorded = {"currency", "account_id", "counterparty_id", "counterparty_country", "card_bin", "ip_hash"}
    assert set(PredictRequest.model_fields) - read == only_recorded


@pytest.mark.parametrize("field", ["channel", "transaction_type"])
def test_enums_have_the_symbols_of_the_contract(field: str) -> None:
    avro = next(entry["type"][1]["symbols"] for entry in schema(TRANSACTIONS)["fields"] if entry["name"] == field)
    for symbol in avro:
        assert getattr(parsed(**{field: symbol}), field) == symbol


@pytest.mark.parametrize(
    ("given", "cents"), [("500", 50000), ("12.34", 1234), ("0.1", 10), ('"7.05"', 705), ("1e2", 1_00_00)]
)
def test_amounts_are_exact(given: str, cents: int) -> None:
    body = with_amount(given)
    assert body.amount * 100 == Decimal(cents)


@pytest.mark.parametrize(
    "amount",
    [
        *("0", "-1", "0.001", "12.345", "NaN", "Infinity", "-Infinity", "1e400", "1e10", "1000000000.01", "true"),
        *("null", '"1_000"', '" 5"', '"NaN"', '"5,00"', '""', "[]", "{}", "9" * 400),
    ],
)
def test_absurd_amounts_are_refused(amount: str) -> None:
    with pytest.raises(ValidationError):
        with_amount(amount)


@pytest.mark.parametrize("field", ["transaction_id", "user_id", "merchant_id", "device_id", "account_id"])
@pytest.mark.parametrize("value", ["", "x" * 65, "a\u0000b", "a\nb", 5, True, ["a"]])
def test_ids_are_texts_of_1_to_64_characters(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        parsed(**{field: value})
    assert getattr(parsed(**{field: "ü" * 64}), field) == "ü" * 64


@pytest.mark.parametrize(
    "change",
    [
        {"is_international": "false"},
        {"is_international": 0},
        {"card_present": "yes"},
        {"latitude": 90.01},
        {"longitude": -181},
        {"latitude": "1.0"},
        {"country": "de"},
        {"country": "DEU"},
        {"currency": "EURO"},
        {"merchant_category_code": "54"},
        {"channel": "FAX"},
        {"card_hash": "4111111111111111"},
        {"card_bin": "4111111111111111"},
        {"event_time": 1_700_000_000},
        {"event_time": "2026-01-31"},
        {"event_time": "2026-01-31T12:00:00"},
        {"event_time": "1970-01-01T00:00:00Z"},
        {"event_time": "2026-13-01T00:00:00Z"},
        {"event_time": "9999-12-31T23:59:59Z"},
        {"surprise": 1},
        {"is_fraud": True},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parsed(**change)


def bounded(example: Example) -> PredictRequest:
    """The request with one value of the contracts' examples."""
    name, value = example
    given: Any = value
    if name == "amount":
        given = Decimal(value) / 100
    elif name == "event_time":
        given = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))
    return PredictRequest.model_validate({**MINIMAL, name: given})


@pytest.mark.parametrize("example", WITHIN, ids=repr)
def test_what_the_contracts_allow_is_taken(example: Example) -> None:
    bounded(example)


@pytest.mark.parametrize("example", BEYOND, ids=repr)
def test_what_bronze_would_quarantine_is_refused(example: Example) -> None:
    with pytest.raises(ValidationError):
        bounded(example)


@pytest.mark.parametrize("text", ['"٥"', '"5\\n"'])
def test_amounts_are_written_in_ascii(text: str) -> None:
    with pytest.raises(ValidationError):
        with_amount(text)


def test_event_times_are_written_in_ascii() -> None:
    with pytest.raises(ValidationError):
        parsed(event_time="٢٠٢٦-01-31T12:00:00Z")


def test_event_times_of_any_zone_are_one_moment() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    for text in ("2026-01-31T12:00:00.123456Z", "2026-01-31T13:00:00.123456+01:00", "2026-01-31t12:00:00.123456z"):
        assert parsed(event_time=text).event_time == moment
        assert parsed(event_time=text).canonical()["event_time"] == "2026-01-31T12:00:00.123456Z"


def test_one_payment_has_one_canonical_body() -> None:
    first = parse('{"transaction_id":"t","user_id":"u","merchant_id":"m","amount":5,"country":null}')
    second = parse('{"merchant_id":"m","amount":5.00,"user_id":"u","transaction_id":"t"}')
    assert (
        first.canonical()
        == second.canonical()
        == {
            "transaction_id": "t",
            "user_id": "u",
            "merchant_id": "m",
            "amount": "5.00",
        }
    )
