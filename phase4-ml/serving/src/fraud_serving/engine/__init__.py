"""How a payment is judged: rules and statistics on evidence, weighed together with the model. Pure functions."""

from fraud_serving.engine.evidence import Evidence
from fraud_serving.engine.rules import RULES, RULES_VERSION, Hit, Rule, apply_rules
from fraud_serving.engine.scoring import Judgement, RiskTier, Verdict, judge, tier_of
from fraud_serving.engine.statistics import Finding, compare_with_profile

__all__ = [
    "RULES",
    "RULES_VERSION",
    "Evidence",
    "Finding",
    "Hit",
    "Judgement",
    "RiskTier",
    "Rule",
    "Verdict",
    "apply_rules",
    "compare_with_profile",
    "judge",
    "tier_of",
]
