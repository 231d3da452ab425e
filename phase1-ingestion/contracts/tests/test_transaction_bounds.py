"""Every text field is bounded, and the patterns hold for the whole text in ASCII only."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from fraud_contracts import DEGREE_LIMITS, EARLIEST_EVENT_US, LATEST_EVENT_US, TEXT_PATTERNS, TRANSACTIONS, schema
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example


def fields_of(kind: str) -> set[str]:
    def branches(avro_type: Any) -> list[Any]:
        return avro_type if isinstance(avro_type, list) else [avro_type]

    return {field["name"] for field in schema(TRANSACTIONS)["fields"] if kind in branches(field["type"])}


def test_every_text_and_every_number_of_the_contract_is_bounded() -> None:
    assert set(TEXT_PATTERNS) == fields_of("string")
    assert set(DEGREE_LIMITS) == fields_of("double")


def test_every_bound_has_examples_on_both_sides() -> None:
    bounded = {*TEXT_PATTERNS, *DEGREE_LIMITS, "amount", "event_time"}
    assert {name for name, _ in WITHIN} == bounded
    assert {name for name, _ in BEYOND} == bounded


def test_patterns_anchor_nothing_and_take_no_other_digits() -> None:
    assert [name for name, pattern in TEXT_PATTERNS.items() if re.search(r"\$|\\d|\\w|(?<!\[)\^", pattern)] == []


@pytest.mark.parametrize(
    ("example", "fits"), [*((each, True) for each in WITHIN), *((each, False) for each in BEYOND)], ids=repr
)
def test_patterns_judge_the_examples(example: Example, fits: bool) -> None:
    name, value = example
    if isinstance(value, str):
        assert (re.fullmatch(TEXT_PATTERNS[name], value) is not None) is fits


def test_the_years_are_whole() -> None:
    moments = [datetime.fromtimestamp(us / 1e6, UTC).isoformat() for us in (EARLIEST_EVENT_US, LATEST_EVENT_US)]
    assert moments == ["1990-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00"]
