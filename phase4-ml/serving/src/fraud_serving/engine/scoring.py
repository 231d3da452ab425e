"""From three tiers to one score, a tier of risk and a verdict."""

import enum
from dataclasses import dataclass
from typing import Final

from fraud_serving.engine.evidence import Evidence
from fraud_serving.engine.rules import Hit, apply_rules
from fraud_serving.engine.statistics import Finding, compare_with_profile

RULES_WEIGHT: Final = 0.35
STATISTICS_WEIGHT: Final = 0.15
MODEL_WEIGHT: Final = 0.50

BLOCK_SCORE: Final = 80.0
REVIEW_SCORE: Final = 50.0

MEDIUM_RISK: Final = 0.3
HIGH_RISK: Final = 0.5
CRITICAL_RISK: Final = 0.8


class RiskTier(enum.StrEnum):
    """How likely fraud is, in four steps."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Verdict(enum.StrEnum):
    """What to do with the payment."""

    APPROVED = "APPROVED"
    REVIEW = "REVIEW"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of the engine.

    ``fraud_probability`` is the calibrated probability of the model; where no model spoke it is ``fraud_score`` / 100,
    so that a caller always has one number to compare.
    """

    fraud_probability: float
    fraud_score: float
    risk_tier: RiskTier
    verdict: Verdict
    rules_score: float
    statistics_score: float | None
    hits: tuple[Hit, ...]
    reasons: tuple[str, ...]


def tier_of(probability: float) -> RiskTier:
    """LOW < 0.3 ≤ MEDIUM < 0.5 ≤ HIGH < 0.8 ≤ CRITICAL."""
    if probability >= CRITICAL_RISK:
        return RiskTier.CRITICAL
    if probability >= HIGH_RISK:
        return RiskTier.HIGH
    return RiskTier.MEDIUM if probability >= MEDIUM_RISK else RiskTier.LOW


def verdict_of(fraud_score: float) -> Verdict:
    """BLOCKED from 80, REVIEW from 50, else APPROVED."""
    if fraud_score >= BLOCK_SCORE:
        return Verdict.BLOCKED
    return Verdict.REVIEW if fraud_score >= REVIEW_SCORE else Verdict.APPROVED


def weigh(rules: float, statistics: float | None, calibrated: float | None) -> float:
    """The tiers as one score of 0 to 100.

    With a model: 100 × max(p, 0.35 rules + 0.15 statistics + 0.5 p). Without one, rules and statistics share the whole
    weight in the same proportion, and rules have it alone where there is no profile to compare with.
    """
    if calibrated is not None:
        weighted = RULES_WEIGHT * rules + STATISTICS_WEIGHT * (statistics or 0.0) + MODEL_WEIGHT * calibrated
        return 100.0 * max(calibrated, weighted)
    if statistics is None:
        return 100.0 * rules
    shared = (RULES_WEIGHT * rules + STATISTICS_WEIGHT * statistics) / (RULES_WEIGHT + STATISTICS_WEIGHT)
    # Knowing a habit must never make a payment that fits it look worse, nor one that breaks a rule look better.
    return 100.0 * max(rules, shared)


def judge(evidence: Evidence, calibrated: float | None) -> Judgement:
    """Judges one payment; ``calibrated`` is the model's probability, ``None`` where no model may speak."""
    rules_score, hits = apply_rules(evidence)
    finding: Finding | None = compare_with_profile(evidence)
    statistics_score = None if finding is None else finding.score
    fraud_score = round(min(100.0, weigh(rules_score, statistics_score, calibrated)), 4)
    probability = fraud_score / 100.0 if calibrated is None else calibrated
    reasons = [hit.reason for hit in hits]
    if finding is not None and finding.reason is not None:
        reasons.append(finding.reason)
    if calibrated is not None and calibrated >= MEDIUM_RISK:
        reasons.append(f"model: {calibrated:.0%} probability of fraud")
    return Judgement(
        fraud_probability=probability,
        fraud_score=fraud_score,
        risk_tier=tier_of(probability),
        verdict=verdict_of(fraud_score),
        rules_score=rules_score,
        statistics_score=statistics_score,
        hits=hits,
        reasons=tuple(reasons),
    )
