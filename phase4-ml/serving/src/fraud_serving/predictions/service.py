"""Decides one payment: read, judge, record, answer; in this order, and never an answer without a record."""

import enum
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fraud_features import FeatureSettings, Transaction, schema_hash
from fraud_features.profile import PROFILE_FLAGS
from fraud_serving import metrics
from fraud_serving.decisions import Decision, DecisionRepository
from fraud_serving.engine import RULES_VERSION, judge
from fraud_serving.errors import DecisionConflictError, RecordStoreError
from fraud_serving.feature_client import FeatureClient
from fraud_serving.predictions.evidence import gather_evidence
from fraud_serving.predictions.schemas import PredictRequest
from fraud_serving.predictor import Predictor

RULES_MODEL_VERSION = f"rules-{RULES_VERSION}"
NO_MODEL_FLAG = "no_model"
TIME_ASSUMED_FLAG = "event_time_assumed"
WINDOWS_EMPTY_FLAG = "recent_empty"
NO_MODEL_REASON = "no champion model: rules decided; run make ml-train"
NO_FEATURES_REASON = "Redis did not answer: rules decided on the request alone"
NO_PROFILES_REASON = "no profile of the payment's day ({}): decided without that history"


class Mode(enum.StrEnum):
    """What a decision was made with."""

    FULL = "full"
    NO_MODEL = "no_model"
    NO_FEATURES = "no_features"
    NO_PROFILES = "no_profiles"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision, and whether it had been made before this request."""

    decision: Decision
    replayed: bool


class PredictionService:
    """The path of one payment through features, model, engine and record."""

    def __init__(
        self,
        predictor: Predictor,
        features: FeatureClient,
        decisions: DecisionRepository,
        feature_settings: FeatureSettings,
    ) -> None:
        self._predictor = predictor
        self._features = features
        self._decisions = decisions
        self._schema_hash = schema_hash(feature_settings)

    async def decide(self, request: PredictRequest, arrived: float) -> Outcome:
        """The decision on a payment; ``arrived`` is the request's arrival by ``time.perf_counter``.

        Raises:
            DecisionConflictError: the transaction id was decided with another body.
            RecordStoreError: PostgreSQL cannot take the record; nothing was decided.
        """
        try:
            body = request.canonical()
            outcome = await self._decide_once(request, body, arrived)
        except RecordStoreError:
            metrics.RECORD_FAILURES.inc()
            raise
        if outcome.replayed:
            if outcome.decision.request != body:
                metrics.CONFLICTS.inc()
                raise DecisionConflictError(request.transaction_id, _differing(outcome.decision.request, body))
            metrics.REPLAYS.inc()
        else:
            _count(outcome.decision)
        metrics.LATENCY.observe(time.perf_counter() - arrived)
        return outcome

    async def _decide_once(self, request: PredictRequest, body: dict[str, Any], arrived: float) -> Outcome:
        # Looked up first, so that a repetition leaves the recent events alone and an outage costs no side effect.
        stored = await self._decisions.find(request.transaction_id)
        if stored is not None:
            return Outcome(stored, replayed=True)
        decision = await self._judge(request, body, arrived)
        if await self._decisions.add(decision):
            return Outcome(decision, replayed=False)
        # Another request with this id was faster: its record is the decision.
        stored = await self._decisions.find(request.transaction_id)
        if stored is None:
            raise RecordStoreError("the record of this transaction cannot be read back")
        return Outcome(stored, replayed=True)

    async def _judge(self, request: PredictRequest, body: dict[str, Any], arrived: float) -> Decision:
        # The only clock in the path: a payment without a time happens when it is received. Its time is a guess, so it
        # is judged by the recent events and does not become one of them.
        event_time = request.event_time or datetime.now(UTC)
        transaction = Transaction.from_record({**body, "amount": request.amount, "event_time": event_time})
        read = await self._features.read(transaction, add=request.event_time is not None)
        vector = np.asarray(read.features.to_array(), dtype=np.float32)
        model = self._predictor.model
        flags = list(read.features.flags)
        if request.event_time is None:
            flags.append(TIME_ASSUMED_FLAG)
            # Where the payments' clock is not the wall's, nothing lies just before now: the caller is told.
            if read.available and not any(recent.events for recent in read.recent.by_entity.values()):
                flags.append(WINDOWS_EMPTY_FLAG)
        raw: float | None = None
        calibrated: float | None = None
        unprofiled = [PROFILE_FLAGS[flag] for flag in flags if flag in PROFILE_FLAGS]
        circumstances: list[str] = []
        if not read.available:
            # The model learned from complete vectors: on the request alone it would guess, so rules decide.
            mode = Mode.NO_FEATURES
            circumstances.append(NO_FEATURES_REASON)
        elif model is None:
            mode = Mode.NO_MODEL
        else:
            # An older profile is no history of this payment's: the model sees what it sees of an unknown customer.
            mode = Mode.NO_PROFILES if unprofiled else Mode.FULL
            raw, calibrated = model.score(vector)
        if read.available and unprofiled:
            circumstances.append(NO_PROFILES_REASON.format(", ".join(unprofiled)))
        if model is None:
            flags.append(NO_MODEL_FLAG)
            circumstances.append(NO_MODEL_REASON)
        judgement = judge(gather_evidence(transaction, read), calibrated)
        scored_by = None if raw is None else model
        return Decision(
            transaction_id=request.transaction_id,
            user_id=request.user_id,
            request=body,
            event_time=event_time,
            mode=mode,
            flags=flags,
            vector=vector.tolist(),
            schema_hash=self._schema_hash,
            missing=list(read.features.missing),
            raw_probability=raw,
            calibrated_probability=calibrated,
            rules_score=judgement.rules_score,
            statistics_score=judgement.statistics_score,
            fraud_probability=judgement.fraud_probability,
            fraud_score=judgement.fraud_score,
            risk_tier=judgement.risk_tier,
            verdict=judgement.verdict,
            reasons=[*judgement.reasons, *circumstances],
            rule_hits=[hit.rule for hit in judgement.hits],
            rules_version=RULES_VERSION,
            model_version=scored_by.version if scored_by else RULES_MODEL_VERSION,
            model_digest=scored_by.digest if scored_by else None,
            latency_ms=round((time.perf_counter() - arrived) * 1000.0, 3),
        )


def answer(decision: Decision) -> dict[str, Any]:
    """The body of the answer, from the record alone: a repetition cannot differ."""
    return {
        "transaction_id": decision.transaction_id,
        "fraud_probability": decision.fraud_probability,
        "risk_tier": decision.risk_tier,
        "model_version": decision.model_version,
        "latency_ms": decision.latency_ms,
        "verdict": decision.verdict,
        "fraud_score": decision.fraud_score,
        "reasons": decision.reasons,
        "mode": decision.mode,
        "flags": decision.flags,
        "idempotency": "durable",
    }


def _differing(stored: dict[str, Any], body: dict[str, Any]) -> list[str]:
    return sorted(name for name in stored.keys() | body.keys() if stored.get(name) != body.get(name))


def _count(decision: Decision) -> None:
    metrics.PREDICTIONS.labels(decision.risk_tier).inc()
    metrics.VERDICTS.labels(decision.verdict).inc()
    metrics.AMOUNT.labels(decision.verdict).inc(float(decision.request["amount"]))
    metrics.MODES.labels(decision.mode).inc()
    for flag in decision.flags:
        metrics.FLAGS.labels(flag).inc()
    for rule in decision.rule_hits:
        metrics.RULE_HITS.labels(rule).inc()
