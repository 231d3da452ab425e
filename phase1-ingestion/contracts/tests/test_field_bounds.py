"""Every field of every topic is bounded, and the patterns hold for the whole text in ASCII only."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from fraud_contracts import (
    CENT_LIMITS,
    DEGREE_LIMITS,
    EARLIEST_EVENT_US,
    LATEST_EVENT_US,
    NUMBER_LIMITS,
    RAW_TOPICS,
    TEXT_PATTERNS,
    TIME_LIMITS,
    TRANSACTIONS,
    Topic,
    cent_limits,
    degree_limits,
    number_limits,
    schema,
    text_patterns,
    time_limits,
)
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example, beyond, within

BOUNDS = (TEXT_PATTERNS, CENT_LIMITS, DEGREE_LIMITS, NUMBER_LIMITS, TIME_LIMITS)
OF_TOPIC = (text_patterns, cent_limits, degree_limits, number_limits, time_limits)
EXAMPLES = [
    *((each, True) for each in dict.fromkeys(example for topic in RAW_TOPICS for example in within(topic))),
    *((each, False) for each in dict.fromkeys(example for topic in RAW_TOPICS for example in beyond(topic))),
]


def needs_bounds(field: dict[str, Any]) -> bool:
    """Everything but enums and booleans; asked of the text, so that no bound is judged by its own reading."""
    return not re.search(r'"enum"|"boolean"', json.dumps(field["type"]))


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_every_field_but_enums_and_booleans_is_bounded(topic: Topic) -> None:
    bounded = [name for limits in OF_TOPIC for name in limits(topic)]
    assert len(bounded) == len(set(bounded))
    assert set(bounded) == {field["name"] for field in schema(topic)["fields"] if needs_bounds(field)}


def test_no_bound_is_left_over() -> None:
    used = {name for topic in RAW_TOPICS for limits in OF_TOPIC for name in limits(topic)}
    assert {name for bounds in BOUNDS for name in bounds} == used


def test_an_enum_has_no_pattern_although_another_topic_calls_a_text_so() -> None:
    assert [topic.name for topic in RAW_TOPICS if "source" in text_patterns(topic)] == ["external_alerts.raw"]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_every_bound_has_examples_on_both_sides(topic: Topic) -> None:
    bounded = {name for limits in OF_TOPIC for name in limits(topic)}
    assert {name for name, _ in within(topic)} == bounded
    assert {name for name, _ in beyond(topic)} == bounded


def test_the_examples_without_a_topic_are_those_of_payments() -> None:
    assert within(TRANSACTIONS) == WITHIN
    assert beyond(TRANSACTIONS) == BEYOND


def test_patterns_anchor_nothing_and_take_no_other_digits() -> None:
    assert [name for name, pattern in TEXT_PATTERNS.items() if re.search(r"\$|\\d|\\w|(?<!\[)\^", pattern)] == []


@pytest.mark.parametrize(("example", "fits"), EXAMPLES, ids=repr)
def test_bounds_judge_the_examples(example: Example, fits: bool) -> None:
    name, value = example
    if isinstance(value, str):
        assert (re.fullmatch(TEXT_PATTERNS[name], value) is not None) is fits
    elif name in TIME_LIMITS:
        first, end = (int(moment.timestamp()) * 1_000_000 for moment in TIME_LIMITS[name])
        assert (first <= value < end) is fits
    elif name in DEGREE_LIMITS:
        assert (-DEGREE_LIMITS[name] <= value <= DEGREE_LIMITS[name]) is fits
    else:
        least, largest = {**CENT_LIMITS, **NUMBER_LIMITS}[name]
        assert (least <= value <= largest) is fits


def test_the_years_are_whole() -> None:
    moments = [datetime.fromtimestamp(us / 1e6, UTC).isoformat() for us in (EARLIEST_EVENT_US, LATEST_EVENT_US)]
    assert moments == ["1990-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00"]
