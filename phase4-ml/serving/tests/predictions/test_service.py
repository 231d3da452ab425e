import asyncio
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from fraud_features import (
    FeatureSettings,
    Profile,
    Profiles,
    Recent,
    RecentEvents,
    Transaction,
    compute_features,
)
from fraud_features.features import PROFILE_ENTITIES, US_PER_DAY, profile_features
from fraud_features.profile import PROFILE_COLUMNS, empty_profile
from fraud_serving.decisions import Decision
from fraud_serving.feature_client import FeatureRead
from fraud_serving.predictions.schemas import PredictRequest
from fraud_serving.predictions.service import PredictionService

SETTINGS = FeatureSettings()


class Features:
    """Answers with the recent events it was given, and remembers what it was asked to add."""

    def __init__(self, recent: RecentEvents, available: bool = True, profiles: Profiles | None = None) -> None:
        self.recent = recent
        self.profiles = profiles or Profiles()
        self.available = available
        self.added: list[bool] = []

    async def read(self, transaction: Transaction, *, add: bool = True) -> FeatureRead:
        self.added.append(add)
        features = compute_features(transaction, self.recent, self.profiles, SETTINGS)
        return FeatureRead(features, self.recent, self.profiles, self.available)


class Decisions:
    async def find(self, _: str) -> Decision | None:
        return None

    async def add(self, _: Decision) -> bool:
        return True


class NoModel:
    model = None


class Champion:
    """A model that keeps what it was asked."""

    version, digest = "7", "d"

    def __init__(self) -> None:
        self.model = self
        self.vectors: list[list[float]] = []

    def score(self, vector: Any) -> tuple[float, float]:
        self.vectors.append(vector.tolist())
        return 0.75, 0.55


def decide(features: Features, predictor: Any = None, **change: Any) -> Decision:
    body = {"transaction_id": "t1", "user_id": "U1", "merchant_id": "M1", "amount": 5, **change}
    service = PredictionService(predictor or NoModel(), features, Decisions(), SETTINGS)  # type: ignore[arg-type]
    return asyncio.run(service.decide(PredictRequest.model_validate(body), time.perf_counter())).decision


def known(event_us: int) -> RecentEvents:
    earlier = Transaction("t0", event_us, "U1", "M1", 100).as_recent()
    return RecentEvents({"user": Recent([earlier]), "merchant": Recent()})


def test_a_payment_with_a_time_becomes_a_recent_event() -> None:
    features = Features(RecentEvents.empty())
    flags = decide(features, event_time="2026-03-02T10:00:00Z").flags
    assert features.added == [True]
    assert not {"event_time_assumed", "recent_empty"} & set(flags)


def test_a_payment_without_a_time_does_not() -> None:
    features = Features(known(1))
    flags = decide(features).flags
    assert features.added == [False]
    assert "event_time_assumed" in flags
    assert "recent_empty" not in flags


@pytest.mark.parametrize(("available", "told"), [(True, True), (False, False)])
def test_windows_that_are_empty_as_of_now_are_told(available: bool, told: bool) -> None:
    recent = RecentEvents.empty() if available else RecentEvents.unavailable()
    assert ("recent_empty" in decide(Features(recent, available)).flags) == told


MOMENT = {"event_time": "2026-03-02T10:00:00Z", "merchant_category_code": "5411"}
BOUNDARY = 1_772_409_600_000_000
"""Midnight at the start of that day."""


def profiles_as_of(**boundaries: int) -> Profiles:
    """Profiles full of history, each at the boundary named."""
    found = {
        entity: Profile(as_of_us, dict.fromkeys(PROFILE_COLUMNS[entity], 7.0))
        for entity, as_of_us in boundaries.items()
    }
    return Profiles(found, dict.fromkeys(found, "fresh"))


def counted_under(**labels: str) -> float:
    name = "fraud_prediction_modes_total" if "mode" in labels else "fraud_prediction_flags_total"
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_profiles_of_the_payments_day_are_used() -> None:
    fresh = profiles_as_of(user=BOUNDARY, merchant=BOUNDARY, category=BOUNDARY)
    decision = decide(Features(RecentEvents.empty(), profiles=fresh), Champion(), **MOMENT)
    assert (decision.mode, decision.flags, decision.model_version) == ("full", [], "7")


@pytest.mark.parametrize("age", [US_PER_DAY, -US_PER_DAY, 400 * US_PER_DAY])
@pytest.mark.parametrize("entity", PROFILE_ENTITIES)
def test_a_profile_of_another_day_is_left_out_counted_and_named(entity: str, age: int) -> None:
    flag, given = f"{entity}_profile_stale", dict.fromkeys(PROFILE_ENTITIES, BOUNDARY)
    stale = profiles_as_of(**{**given, entity: BOUNDARY - age})
    before = counted_under(flag=flag), counted_under(mode="no_profiles")
    champion = Champion()
    decision = decide(Features(RecentEvents.empty(), profiles=stale), champion, **MOMENT)
    names = {f.name for f in profile_features(entity)}
    assert (decision.mode, decision.flags) == ("no_profiles", [flag])
    assert f"no profile of the payment's day ({entity}): decided without that history" in decision.reasons
    assert names <= set(decision.missing)
    unknown = Profiles({**stale.by_entity, entity: empty_profile(entity, BOUNDARY)}, stale.statuses)
    stranger = decide(Features(RecentEvents.empty(), profiles=unknown), Champion(), **MOMENT)
    assert decision.vector == stranger.vector
    assert stranger.mode == "full"
    # the model is asked, with those numbers
    assert champion.vectors == [decision.vector]
    assert (decision.model_version, decision.calibrated_probability) == ("7", 0.55)
    assert (counted_under(flag=flag), counted_under(mode="no_profiles")) == (before[0] + 1, before[1] + 1)


def test_without_any_profile_or_without_a_model_the_mode_says_which() -> None:
    nothing = decide(Features(RecentEvents.empty()), Champion(), **MOMENT)
    assert nothing.mode == "no_profiles"
    assert nothing.flags == ["user_profile_missing", "merchant_profile_missing", "category_profile_missing"]
    assert decide(Features(RecentEvents.empty()), **MOMENT).mode == "no_model"
    assert decide(Features(RecentEvents.unavailable(), available=False), Champion(), **MOMENT).mode == "no_features"


def test_the_money_of_a_payment_is_counted_under_its_verdict() -> None:
    def counted(verdict: str) -> float:
        return REGISTRY.get_sample_value("fraud_payment_amount_total", {"verdict": verdict}) or 0.0

    before = {verdict: counted(verdict) for verdict in ("APPROVED", "REVIEW", "BLOCKED")}
    verdict = decide(Features(RecentEvents.empty()), amount="12.34", event_time="2026-03-02T10:00:00Z").verdict
    assert counted(verdict) - before[verdict] == pytest.approx(12.34)
    assert all(counted(other) == before[other] for other in before if other != verdict)
