from dataclasses import replace

import pytest

from fraud_training.retraining import LEAST_FRAUDS, Evidence, Performance, Rule, decide

RULE = Rule(drift=0.25, features=10, performance=0.8, age_days=30, rest_days=3)
WELL = Evidence(
    score_index=0.05,
    drifted_features=("a", "b"),
    performance=Performance(tested=0.6, now=0.55, payments=900, frauds=40),
    age_days=7,
    rested_days=7,
)
FEATURES = tuple(f"f{number:02d}" for number in range(10))
KNOWN = Performance(tested=0.6, now=0.4, payments=900, frauds=40)


def test_a_model_that_does_well_is_left_alone() -> None:
    decision = decide(WELL, RULE)

    assert not decision.is_due
    assert decision.reasons == ("no bound is reached",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score_index": 0.25}, "the score has drifted: PSI 0.250, bound 0.25"),
        ({"drifted_features": FEATURES}, "10 features have drifted, bound 10; the worst: f00, f01, f02"),
        (
            {"performance": KNOWN},
            "average precision on matured labels is 0.4000 (900 payments, 40 frauds), "
            "below 0.8 times the 0.6000 it was tested with",
        ),
        ({"age_days": 30.1}, "it knows nothing of the last 30.1 days, bound 30"),
        ({"has_reference": False}, "the champion keeps no reference to measure drift against"),
    ],
)
def test_each_bound_is_a_reason_of_its_own(change: dict[str, object], said: str) -> None:
    decision = decide(replace(WELL, **change), RULE)  # type: ignore[arg-type]

    assert decision.is_due
    assert decision.reasons == (said,)


@pytest.mark.parametrize(
    "change",
    [
        {"score_index": 0.2499},
        {"drifted_features": FEATURES[1:]},
        {"performance": replace(KNOWN, now=0.48)},
        {"age_days": 30.0},
    ],
)
def test_just_short_of_a_bound_is_no_reason(change: dict[str, object]) -> None:
    assert not decide(replace(WELL, **change), RULE).is_due  # type: ignore[arg-type]


def test_what_could_not_be_measured_is_no_reason() -> None:
    unknown = Evidence(score_index=None, drifted_features=(), performance=None, age_days=None, rested_days=None)

    assert not decide(unknown, RULE).is_due


def test_a_handful_of_frauds_says_nothing_about_a_model() -> None:
    few = replace(KNOWN, frauds=LEAST_FRAUDS - 1)

    assert not decide(replace(WELL, performance=few), RULE).is_due
    assert decide(replace(WELL, performance=replace(few, frauds=LEAST_FRAUDS)), RULE).is_due


@pytest.mark.parametrize(("rested", "is_due"), [(0.0, False), (2.99, False), (3.0, True), (None, True)])
def test_two_trainings_lie_apart_whatever_has_drifted(rested: float | None, is_due: bool) -> None:
    decision = decide(replace(WELL, score_index=2.0, rested_days=rested), RULE)

    assert decision.is_due is is_due
    # the cause is told all the same
    assert "the score has drifted" in decision.reasons[-1]
    if not is_due:
        assert "3 must lie between two" in decision.reasons[0]


def test_several_causes_are_all_told() -> None:
    decision = decide(replace(WELL, score_index=0.9, drifted_features=FEATURES, age_days=90), RULE)

    assert len(decision.reasons) == 3


def test_without_a_champion_there_is_nothing_to_watch() -> None:
    decision = decide(Evidence(has_champion=False), RULE)

    assert not decision.is_due
    assert "no champion" in decision.reasons[0]
