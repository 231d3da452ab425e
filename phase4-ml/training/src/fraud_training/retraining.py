"""The rule by which a model is trained before its weekly turn: one function of what is known, and its reasons."""

from dataclasses import dataclass
from typing import Any

# a week with fewer known frauds says nothing about a model
LEAST_FRAUDS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """The bounds; each is a setting of ``.env``."""

    drift: float = 0.25
    """Population stability index of the score, from which on it has drifted."""
    features: int = 10
    """So many drifted features, of those the model looks at, are reason enough."""
    performance: float = 0.8
    """Share of its average precision in the test period that it must keep on matured labels."""
    age_days: float = 30.0
    """Days of payments since the newest one that training knew."""
    rest_days: float = 3.0
    """Days of the wall clock between two trainings."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Average precision of the champion: when it was tested, and on the newest payments whose labels had their time."""

    tested: float
    now: float
    payments: int
    frauds: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the champion; None is what could not be measured, and no reason for anything."""

    has_champion: bool = True
    has_reference: bool = True
    """False for a champion from before its distributions were kept: its drift cannot be measured."""
    score_index: float | None = None
    drifted_features: tuple[str, ...] = ()
    """Worst first."""
    performance: Performance | None = None
    age_days: float | None = None
    rested_days: float | None = None
    """Days since the last model was registered, whatever became of it; None when there was none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to train now, and the sentences that say why or why not."""

    is_due: bool
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"due": self.is_due, "reasons": list(self.reasons)}


def decide(evidence: Evidence, rule: Rule) -> Decision:
    """Train when any of these holds, but never sooner than ``rest_days`` after the last training:

    - the champion has no reference to measure drift against;
    - its score has drifted (index at or over ``drift``);
    - at least ``features`` of the features it looks at have drifted;
    - on matured labels it keeps less than ``performance`` of the average precision it was tested with;
    - it knows nothing of the last ``age_days`` days of payments.

    Without a champion there is nothing to watch: the weekly run goes on trying.
    """
    if not evidence.has_champion:
        return Decision(False, ("there is no champion to watch; the weekly run trains one",))
    causes = _causes(evidence, rule)
    if not causes:
        return Decision(False, ("no bound is reached",))
    rested = evidence.rested_days
    if rested is not None and rested < rule.rest_days:
        pause = f"the last training is {rested:.1f} days ago, and {rule.rest_days:g} must lie between two"
        return Decision(False, (pause, *causes))
    return Decision(True, causes)


def _causes(evidence: Evidence, rule: Rule) -> tuple[str, ...]:
    causes = []
    if not evidence.has_reference:
        causes.append("the champion keeps no reference to measure drift against")
    if evidence.score_index is not None and evidence.score_index >= rule.drift:
        causes.append(f"the score has drifted: PSI {evidence.score_index:.3f}, bound {rule.drift:g}")
    drifted = evidence.drifted_features
    if len(drifted) >= rule.features:
        worst = ", ".join(drifted[:3])
        causes.append(f"{len(drifted)} features have drifted, bound {rule.features}; the worst: {worst}")
    known = evidence.performance
    if known is not None and known.frauds >= LEAST_FRAUDS and known.now < rule.performance * known.tested:
        causes.append(
            f"average precision on matured labels is {known.now:.4f} ({known.payments} payments, {known.frauds} "
            f"frauds), below {rule.performance:g} times the {known.tested:.4f} it was tested with"
        )
    if evidence.age_days is not None and evidence.age_days > rule.age_days:
        causes.append(f"it knows nothing of the last {evidence.age_days:.1f} days, bound {rule.age_days:g}")
    return tuple(causes)
