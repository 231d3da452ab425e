from dataclasses import replace

import pytest

from fraud_serving.engine import Evidence, apply_rules

QUIET = Evidence(
    amount_cents=20_00,
    card_not_present=False,
    earlier_payments_60s=0,
    device_is_new=False,
    travel_km=1.0,
    travel_seconds=3600.0,
)


def fired(evidence: Evidence) -> list[str]:
    return [hit.rule for hit in apply_rules(evidence)[1]]


def test_a_quiet_payment_has_the_base_score_and_no_reason() -> None:
    assert apply_rules(QUIET) == (0.10, ())


def test_what_is_not_known_never_fires_a_rule() -> None:
    assert fired(Evidence(amount_cents=20_00)) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"amount_cents": 3_000_01}, "high_amount"),
        ({"earlier_payments_60s": 4}, "velocity"),
        ({"travel_km": 1_000.1, "travel_seconds": 7_199.9}, "impossible_travel"),
        ({"device_is_new": True, "card_not_present": True, "amount_cents": 500_01}, "new_device"),
    ],
)
def test_each_rule_fires_just_past_its_threshold(change: dict[str, float], rule: str) -> None:
    assert fired(replace(QUIET, **change)) == [rule]


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 3_000_00},
        {"earlier_payments_60s": 3},
        {"travel_km": 1_000.0, "travel_seconds": 60.0},
        {"travel_km": 5_000.0, "travel_seconds": 7_200.0},
        {"device_is_new": True, "card_not_present": True, "amount_cents": 500_00},
        {"device_is_new": True, "card_not_present": False, "amount_cents": 900_00},
        {"device_is_new": True, "card_not_present": None, "amount_cents": 900_00},
    ],
)
def test_no_rule_fires_at_its_threshold_or_on_half_a_pattern(change: dict[str, float]) -> None:
    assert fired(replace(QUIET, **change)) == []


def test_the_score_adds_up_and_is_capped() -> None:
    everything = Evidence(9_000_00, True, 9, True, 9_000.0, 60.0)
    score, hits = apply_rules(everything)
    assert len(hits) == 4
    assert score == 1.0


def test_reasons_are_words_with_the_numbers_in_them() -> None:
    (hit,) = apply_rules(replace(QUIET, amount_cents=4_321_50))[1]
    assert hit.reason == "high amount: 4,321.50 is above 3,000.00"
