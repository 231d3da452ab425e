"""The statistical tier: how far this amount lies from the user's own habit."""

from dataclasses import dataclass
from typing import Final

from fraud_serving.engine.evidence import Evidence
from fraud_serving.engine.rules import money

# Fewer payments than this are no habit.
MIN_PAYMENTS: Final = 5
# Deviations at which the score begins to rise, and at which it is full.
Z_START: Final = 2.0
Z_FULL: Final = 6.0
Z_REASON: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison gave: a score of 0 to 1, and a reason where it is worth one."""

    score: float
    reason: str | None


def compare_with_profile(evidence: Evidence) -> Finding | None:
    """Scores the deviation of the amount from the user's own mean; ``None`` where there is no habit to compare with."""
    z, mean = evidence.amount_deviations, evidence.usual_amount_cents
    if z is None or mean is None or (evidence.usual_payments or 0) < MIN_PAYMENTS:
        return None
    score = min(1.0, max(0.0, (z - Z_START) / (Z_FULL - Z_START)))
    reason = f"unusual amount: {z:.1f} deviations above this user's usual {money(mean)}" if z >= Z_REASON else None
    return Finding(score, reason)
