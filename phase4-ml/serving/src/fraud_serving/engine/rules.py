"""The rule tier: a few patterns an analyst would name, each with its weight and its reason in words.

The score is the base plus the weights of the rules that fire, capped at 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fraud_serving.engine.evidence import Evidence

# Stored with every decision: a change of a rule, weight or threshold needs a new version.
RULES_VERSION: Final = "1"
BASE_SCORE: Final = 0.10

HIGH_AMOUNT_CENTS: Final = 3_000_00
VELOCITY_PAYMENTS: Final = 5
TRAVEL_KM: Final = 1_000.0
TRAVEL_SECONDS: Final = 2 * 3600.0
NEW_DEVICE_AMOUNT_CENTS: Final = 500_00


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern; ``explain`` gives the reason in words when the evidence fits, else ``None``."""

    name: str
    weight: float
    explain: Callable[[Evidence], str | None]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fired."""

    rule: str
    weight: float
    reason: str


def money(cents: float) -> str:
    """Cents as people write an amount: ``123456`` is ``1,234.56``."""
    return f"{cents / 100:,.2f}"


def _high_amount(evidence: Evidence) -> str | None:
    if evidence.amount_cents <= HIGH_AMOUNT_CENTS:
        return None
    return f"high amount: {money(evidence.amount_cents)} is above {money(HIGH_AMOUNT_CENTS)}"


def _velocity(evidence: Evidence) -> str | None:
    if evidence.earlier_payments_60s is None:
        return None
    payments = evidence.earlier_payments_60s + 1  # this one counts
    return f"velocity: {payments} payments of this user within 60 s" if payments >= VELOCITY_PAYMENTS else None


def _impossible_travel(evidence: Evidence) -> str | None:
    km, seconds = evidence.travel_km, evidence.travel_seconds
    if km is None or seconds is None or km <= TRAVEL_KM or seconds >= TRAVEL_SECONDS:
        return None
    return f"impossible travel: {km:,.0f} km from the last payment {seconds / 60:.0f} minutes ago"


def _new_device(evidence: Evidence) -> str | None:
    if not (evidence.device_is_new and evidence.card_not_present) or evidence.amount_cents <= NEW_DEVICE_AMOUNT_CENTS:
        return None
    return (
        f"new device: a card-not-present payment of {money(evidence.amount_cents)} "
        "from a device this user has not used lately"
    )


RULES: Final = (
    # Alone it sends a payment to REVIEW where no model speaks.
    Rule("high_amount", 0.40, _high_amount),
    Rule("velocity", 0.25, _velocity),
    Rule("impossible_travel", 0.30, _impossible_travel),
    Rule("new_device", 0.20, _new_device),
)


def apply_rules(evidence: Evidence) -> tuple[float, tuple[Hit, ...]]:
    """The rule score, 0 to 1, and the rules that fired in their order."""
    hits = tuple(
        Hit(rule.name, rule.weight, reason) for rule in RULES if (reason := rule.explain(evidence)) is not None
    )
    return min(1.0, BASE_SCORE + sum(hit.weight for hit in hits)), hits
