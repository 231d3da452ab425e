import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_serving.engine import Evidence, RiskTier, Verdict, judge, tier_of
from fraud_serving.engine.scoring import verdict_of, weigh

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("probability", "tier"),
    [
        (0.0, RiskTier.LOW),
        (0.2999, RiskTier.LOW),
        (0.3, RiskTier.MEDIUM),
        (0.5, RiskTier.HIGH),
        (0.7999, RiskTier.HIGH),
        (0.8, RiskTier.CRITICAL),
        (1.0, RiskTier.CRITICAL),
    ],
)
def test_tiers_begin_at_their_threshold(probability: float, tier: RiskTier) -> None:
    assert tier_of(probability) is tier


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(49.9999, Verdict.APPROVED), (50, Verdict.REVIEW), (79.9999, Verdict.REVIEW), (80, Verdict.BLOCKED)],
)
def test_verdicts_begin_at_their_threshold(score: float, verdict: Verdict) -> None:
    assert verdict_of(score) is verdict


@given(rules=SHARES, statistics=st.none() | SHARES, calibrated=st.none() | SHARES)
def test_the_score_is_bounded_and_never_below_the_model(
    rules: float, statistics: float | None, calibrated: float | None
) -> None:
    score = weigh(rules, statistics, calibrated)
    assert 0.0 <= score <= 100.0 + 1e-9
    assert score >= 100.0 * (calibrated or 0.0)


def test_the_model_decides_with_the_weights_of_the_design() -> None:
    assert weigh(1.0, 1.0, 0.4) == pytest.approx(100 * (0.35 + 0.15 + 0.2))
    assert weigh(0.1, 0.0, 0.9) == pytest.approx(90.0)


def test_without_a_model_rules_decide_and_the_probability_is_the_score() -> None:
    judgement = judge(Evidence(amount_cents=4_000_00), None)
    assert judgement.verdict is Verdict.REVIEW
    assert judgement.fraud_probability == judgement.fraud_score / 100 == 0.5


def test_an_amount_far_from_the_habit_is_a_reason() -> None:
    odd = Evidence(500_00, amount_deviations=7.0, usual_amount_cents=30_00, usual_payments=40)
    judgement = judge(odd, None)
    assert judgement.statistics_score == 1.0
    assert judgement.reasons == ("unusual amount: 7.0 deviations above this user's usual 30.00",)
    assert judgement.fraud_score > judge(Evidence(500_00), None).fraud_score


def test_too_few_payments_are_no_habit() -> None:
    assert judge(Evidence(500_00, amount_deviations=7.0, usual_amount_cents=1.0, usual_payments=4), None).reasons == ()


def test_a_probability_worth_looking_at_is_a_reason() -> None:
    assert judge(Evidence(10_00), 0.83).reasons == ("model: 83% probability of fraud",)
    assert judge(Evidence(10_00), 0.1).reasons == ()
