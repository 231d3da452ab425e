"""The rules by which a model becomes challenger and champion, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_contracts import CANDIDATE, CHALLENGER, CHAMPION
from fraud_features import schema_hash
from fraud_training.errors import RegistryError
from fraud_training.evaluate import AUC, AVERAGE_PRECISION, BASELINES, baseline_metric, margin_metric
from fraud_training.registry import (
    ARCHIVED,
    PREVIOUS_CHAMPION,
    PRODUCTION,
    REFUSED,
    SCHEMA_HASH,
    STAGE,
    STAGING,
    Registry,
    Version,
)
from fraud_training.serving_form import ServingForm


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a gate was passed, and the sentence that says why."""

    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Average precision of two models on the same payments and labels."""

    challenger: float
    champion: float
    payments: int
    frauds: int


# scores both models on the challenger's test period, or returns None when the champion cannot read today's vector
Compare = Callable[[ServingForm, ServingForm], Comparison | None]


def judge_candidate(metrics: Mapping[str, float], min_auc: float | None) -> Verdict:
    """Is a candidate worth being a challenger?

    The interval of the difference between its average precision and each baseline's (the same resampled cards for
    both) must lie above zero, and its AUC must reach the floor, where there is one.
    """
    precision, auc = metrics[AVERAGE_PRECISION], metrics[AUC]
    for baseline in BASELINES:
        margin = metrics[margin_metric(baseline)]
        if not margin > 0:
            return Verdict(
                False,
                f"its average precision {precision:.4f} is not surely above the {baseline} baseline's "
                f"{metrics[baseline_metric(baseline)]:.4f} (lower end of the difference {margin:+.4f})",
            )
    if min_auc is not None and not auc >= min_auc:
        return Verdict(False, f"its AUC {auc:.4f} is below PROMOTION_MIN_AUC {min_auc:g}")
    return Verdict(True, f"its average precision {precision:.4f} is above every baseline's, its AUC is {auc:.4f}")


def judge_challenger(comparison: Comparison) -> Verdict:
    """Does a challenger beat the champion on the same matured labels?"""
    figures = (
        f"average precision {comparison.challenger:.4f} against the champion's {comparison.champion:.4f} "
        f"on the same {comparison.payments} payments with {comparison.frauds} frauds"
    )
    return Verdict(comparison.challenger > comparison.champion, figures)


def promote(registry: Registry, min_auc: float | None, compare: Compare) -> dict[str, Any]:
    """Take the newest candidate (or the waiting challenger) through the gates.

    Returns:
        ``decision`` (``nothing_to_promote``, ``stays_candidate``, ``stays_challenger`` or ``champion``), ``version``,
        ``reason``, ``champion`` (the version serving afterwards, or None).
    """
    champion = registry.holder(CHAMPION)
    candidate = registry.holder(CANDIDATE)
    contender = candidate or registry.holder(CHALLENGER)
    if contender is None:
        return _answer("nothing_to_promote", None, "there is neither a candidate nor a challenger", champion)
    if champion is not None and contender.number == champion.number:
        reason = _finish_champion(registry, champion)
        return _answer(CHAMPION, champion, reason, champion)
    if contender.tags.get(SCHEMA_HASH) != schema_hash():
        reason = "it was trained on other features than the API computes today: train again with `make ml-train`"
        registry.record(REFUSED, contender, reason)
        return _answer("stays_candidate" if candidate else "stays_challenger", contender, reason, champion)
    form = registry.form(contender)
    if candidate is not None:
        verdict = judge_candidate(form.manifest["metrics"], min_auc)
        if not verdict.passed:
            registry.record(REFUSED, contender, verdict.reason)
            return _answer("stays_candidate", contender, verdict.reason, champion)
        _make_challenger(registry, contender, verdict.reason)

    verdict = _judge_against(registry, form, champion, compare)
    if not verdict.passed:
        registry.record(REFUSED, contender, verdict.reason)
        return _answer("stays_challenger", contender, verdict.reason, champion)
    _make_champion(registry, contender, champion, verdict.reason)
    return _answer(CHAMPION, contender, verdict.reason, contender)


def roll_back(registry: Registry, why: str = "") -> dict[str, Any]:
    """Give the champion's place back to the version that had it before; ``why`` is kept in the history.

    Raises:
        RegistryError: there is no champion, it had no predecessor, or that one knows other features than today's.
    """
    champion = registry.holder(CHAMPION)
    if champion is None:
        raise RegistryError("There is no champion to roll back; train one with `make ml-train`.")
    before = champion.tags.get(PREVIOUS_CHAMPION)
    if not before:
        raise RegistryError(f"Version {champion.number} is the first champion: there is none to go back to.")
    previous = registry.version(int(before))
    # the API would refuse it and go on with the version that is to leave
    if previous.tags.get(SCHEMA_HASH) != schema_hash():
        raise RegistryError(
            f"Version {previous.number} was trained on other features than the API computes today, so version "
            f"{champion.number} stays champion; train another with `make ml-train`, or go back to the code of then."
        )
    # a version whose files are gone or changed must not be put in front of payments
    registry.form(previous)
    reason = f"rolled back from version {champion.number}" + (f": {why.strip()}" if why.strip() else "")
    registry.move_alias(CHAMPION, previous)
    registry.tag(previous, STAGE, PRODUCTION)
    registry.tag(champion, STAGE, ARCHIVED)
    registry.record("rolled_back", previous, reason, champion_before=champion.number)
    return _answer(CHAMPION, previous, reason, previous)


def _judge_against(registry: Registry, form: ServingForm, champion: Version | None, compare: Compare) -> Verdict:
    if champion is None:
        return Verdict(True, "the first challenger to pass the gates")
    comparison = compare(form, registry.form(champion))
    if comparison is None:
        return Verdict(
            True, f"version {champion.number} was trained on other features and cannot score today's payments"
        )
    return judge_challenger(comparison)


def _make_challenger(registry: Registry, version: Version, reason: str) -> None:
    replaced = registry.holder(CHALLENGER)
    registry.move_alias(CHALLENGER, version)
    registry.drop_alias(CANDIDATE)
    registry.tag(version, STAGE, STAGING)
    if replaced is not None and replaced.number != version.number:
        registry.tag(replaced, STAGE, ARCHIVED)
    registry.record(CHALLENGER, version, reason)


def _make_champion(registry: Registry, version: Version, replaced: Version | None, reason: str) -> None:
    if replaced is not None:
        registry.tag(version, PREVIOUS_CHAMPION, str(replaced.number))
    registry.tag(version, STAGE, PRODUCTION)
    registry.move_alias(CHAMPION, version)
    _close_promotion(registry, version, replaced, reason)


def _finish_champion(registry: Registry, champion: Version) -> str:
    """Do what an interrupted promotion left undone: the alias had moved, so the decision stands."""
    reason = "its promotion was interrupted and is complete now"
    before = champion.tags.get(PREVIOUS_CHAMPION)
    _close_promotion(registry, champion, registry.version(int(before)) if before else None, reason)
    return reason


def _close_promotion(registry: Registry, version: Version, replaced: Version | None, reason: str) -> None:
    if replaced is not None:
        registry.tag(replaced, STAGE, ARCHIVED)
    if not any(entry["action"] == CHAMPION and entry["version"] == version.number for entry in registry.history()):
        registry.record(CHAMPION, version, reason, champion_before=replaced.number if replaced else None)
    # last: the alias is what tells an interrupted promotion from a finished one
    registry.drop_alias(CHALLENGER)


def _answer(decision: str, version: Version | None, reason: str, champion: Version | None) -> dict[str, Any]:
    return {
        "decision": decision,
        "version": version.number if version else None,
        "reason": reason,
        "champion": champion.number if champion else None,
    }
