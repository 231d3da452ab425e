import asyncio
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from fraud_features import FeatureSettings, Profiles, Recent, RecentEvents, Transaction, compute_features
from fraud_serving.decisions import Decision
from fraud_serving.feature_client import FeatureRead
from fraud_serving.predictions.schemas import PredictRequest
from fraud_serving.predictions.service import PredictionService

SETTINGS = FeatureSettings()


class Features:
    """Answers with the recent events it was given, and remembers what it was asked to add."""

    def __init__(self, recent: RecentEvents, available: bool = True) -> None:
        self.recent = recent
        self.available = available
        self.added: list[bool] = []

    async def read(self, transaction: Transaction, *, add: bool = True) -> FeatureRead:
        self.added.append(add)
        features = compute_features(transaction, self.recent, Profiles(), SETTINGS)
        return FeatureRead(features, self.recent, Profiles(), self.available)


class Decisions:
    async def find(self, _: str) -> Decision | None:
        return None

    async def add(self, _: Decision) -> bool:
        return True


class NoModel:
    model = None


def decide(features: Features, **change: Any) -> Decision:
    body = {"transaction_id": "t1", "user_id": "U1", "merchant_id": "M1", "amount": 5, **change}
    service = PredictionService(NoModel(), features, Decisions(), SETTINGS)  # type: ignore[arg-type]
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


def test_the_money_of_a_payment_is_counted_under_its_verdict() -> None:
    def counted(verdict: str) -> float:
        return REGISTRY.get_sample_value("fraud_payment_amount_total", {"verdict": verdict}) or 0.0

    before = {verdict: counted(verdict) for verdict in ("APPROVED", "REVIEW", "BLOCKED")}
    verdict = decide(Features(RecentEvents.empty()), amount="12.34", event_time="2026-03-02T10:00:00Z").verdict
    assert counted(verdict) - before[verdict] == pytest.approx(12.34)
    assert all(counted(other) == before[other] for other in before if other != verdict)
