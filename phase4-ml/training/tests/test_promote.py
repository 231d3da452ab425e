from dataclasses import replace
from typing import Any

import pytest

from fraud_contracts import CANDIDATE, CHALLENGER, CHAMPION
from fraud_features import schema_hash
from fraud_training.errors import RegistryError
from fraud_training.promote import Comparison, judge_candidate, judge_challenger, promote, roll_back
from fraud_training.registry import Registry, Version
from fraud_training.serving_form import ServingForm

GOOD = {
    "auc": 0.97,
    "average_precision": 0.6,
    "amount_average_precision": 0.1,
    "logistic_average_precision": 0.4,
    "average_precision_over_amount_low": 0.4,
    "average_precision_over_logistic_low": 0.1,
}


def test_a_candidate_that_beats_the_baselines_becomes_challenger() -> None:
    assert judge_candidate(GOOD, min_auc=0.90).passed


@pytest.mark.parametrize("baseline", ["amount", "logistic"])
def test_the_whole_interval_must_lie_above_each_baseline(baseline: str) -> None:
    verdict = judge_candidate(GOOD | {f"average_precision_over_{baseline}_low": 0.0}, min_auc=None)

    assert not verdict.passed
    assert baseline in verdict.reason
    assert "lower end of the difference +0.0000" in verdict.reason


def test_the_floor_of_auc_holds_where_there_is_one() -> None:
    weak = GOOD | {"auc": 0.85}

    assert not judge_candidate(weak, min_auc=0.90).passed
    assert "PROMOTION_MIN_AUC" in judge_candidate(weak, min_auc=0.90).reason
    assert judge_candidate(weak, min_auc=None).passed


def test_a_figure_that_is_no_number_does_not_pass() -> None:
    assert not judge_candidate(GOOD | {"average_precision_over_logistic_low": float("nan")}, min_auc=None).passed
    assert not judge_candidate(GOOD | {"auc": float("nan")}, min_auc=0.9).passed


def test_a_challenger_must_be_better_not_equal() -> None:
    assert judge_challenger(Comparison(challenger=0.61, champion=0.60, payments=100, frauds=9)).passed
    refused = judge_challenger(Comparison(challenger=0.60, champion=0.60, payments=100, frauds=9))
    assert not refused.passed
    assert "0.6000 against the champion's 0.6000 on the same 100 payments with 9 frauds" in refused.reason


class CrashError(Exception):
    """The process ended here."""


class Shelf(Registry):
    """Three versions in memory; ``calls_left`` ends the process in the middle of what it is doing."""

    def __init__(self) -> None:
        self.versions = {number: Version(number, "", "", {"schema_hash": schema_hash()}) for number in (1, 2, 3)}
        self.aliases: dict[str, int] = {}
        self.entries: list[dict[str, Any]] = []
        self.calls_left = 1_000

    def _change(self) -> None:
        if self.calls_left == 0:
            raise CrashError
        self.calls_left -= 1

    def holder(self, alias: str) -> Version | None:
        return self.versions[self.aliases[alias]] if alias in self.aliases else None

    def version(self, number: int) -> Version:
        return self.versions[number]

    def form(self, _: Version) -> ServingForm:
        return ServingForm(b"", {"metrics": GOOD})

    def move_alias(self, alias: str, version: Version) -> None:
        self._change()
        self.aliases[alias] = version.number

    def drop_alias(self, alias: str) -> None:
        self._change()
        self.aliases.pop(alias, None)

    def tag(self, version: Version, key: str, value: str) -> None:
        self._change()
        present = self.versions[version.number]
        self.versions[version.number] = replace(present, tags={**present.tags, key: value})

    def record(self, action: str, version: Version, reason: str, **more: Any) -> None:
        self._change()
        self.entries.append({"action": action, "version": version.number, "reason": reason, **more})

    def history(self) -> list[dict[str, Any]]:
        return self.entries

    def state(self) -> tuple[Any, ...]:
        stages = {number: version.tags.get("stage") for number, version in self.versions.items()}
        lines = [(entry["action"], entry["version"]) for entry in self.entries]
        return self.aliases, stages, lines


def better(challenger: ServingForm, champion: ServingForm) -> Comparison:
    return Comparison(challenger=0.7, champion=0.6, payments=100, frauds=9)


def equal(challenger: ServingForm, champion: ServingForm) -> Comparison:
    return Comparison(challenger=0.6, champion=0.6, payments=100, frauds=9)


def shelf_with_a_champion() -> Shelf:
    shelf = Shelf()
    shelf.aliases = {CANDIDATE: 1}
    promote(shelf, None, better)
    shelf.aliases[CANDIDATE] = 2
    return shelf


def test_a_promotion_interrupted_anywhere_is_completed_by_the_next() -> None:
    whole = shelf_with_a_champion()
    promote(whole, None, better)
    assert whole.aliases == {CHAMPION: 2}
    for calls in range(1_000):
        shelf = shelf_with_a_champion()
        shelf.calls_left = calls
        try:
            promote(shelf, None, better)
        except CrashError:
            shelf.calls_left = 1_000
            answer = promote(shelf, None, better)
            assert (answer["decision"], answer["champion"]) == ("champion", 2), calls
            assert shelf.aliases == {CHAMPION: 2}
            assert shelf.state()[1] == whole.state()[1], calls
            recorded = shelf.state()[2]
            assert recorded.count(("champion", 2)) == 1, calls
        else:
            assert calls > 6
            break


def test_a_challenger_that_is_judged_again_is_not_archived() -> None:
    shelf = shelf_with_a_champion()
    shelf.aliases[CHALLENGER] = 2  # the process ended before the candidate's alias was dropped
    assert promote(shelf, None, equal)["decision"] == "stays_challenger"
    assert shelf.version(2).tags["stage"] == "Staging"


@pytest.mark.parametrize("alias", [CANDIDATE, CHALLENGER])
def test_a_model_of_other_features_is_not_put_before_one_that_serves(alias: str) -> None:
    shelf = shelf_with_a_champion()
    shelf.aliases = {CHAMPION: 1, alias: 2}
    shelf.tag(shelf.version(2), "schema_hash", "of other features")
    answer = promote(shelf, None, better)
    assert (answer["decision"], answer["champion"]) == (f"stays_{alias}", 1)
    assert "make ml-train" in answer["reason"]
    assert shelf.aliases == {CHAMPION: 1, alias: 2}


def test_a_rollback_needs_a_version_that_the_api_accepts() -> None:
    shelf = shelf_with_a_champion()
    promote(shelf, None, better)
    shelf.tag(shelf.version(1), "schema_hash", "of other features")
    with pytest.raises(RegistryError, match=r"Version 1 was trained on other features .* version 2 stays .*ml-train"):
        roll_back(shelf)
    assert shelf.aliases == {CHAMPION: 2}
    shelf.tag(shelf.version(1), "schema_hash", schema_hash())
    assert roll_back(shelf)["champion"] == 1


def test_why_a_rollback_was_done_is_in_the_history() -> None:
    shelf = shelf_with_a_champion()
    promote(shelf, None, better)
    assert roll_back(shelf, " it misses the new pattern\n")["champion"] == 1
    assert shelf.entries[-1]["reason"] == "rolled back from version 2: it misses the new pattern"
