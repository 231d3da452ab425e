"""The API's Prometheus metrics, for one worker or for several behind one port."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from fraud_features.features import PROFILE_ENTITIES
from fraud_features.profile import PROFILE_FLAGS
from fraud_serving.engine import RiskTier, Verdict

# The time at which a counter began says nothing here and doubles the page.
disable_created_metrics()

# Milliseconds where a card authorisation lives: the library's own buckets start where this service should end.
LATENCY_BUCKETS_SECONDS = (
    0.001,
    0.002,
    0.003,
    0.004,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)

HTTP_REQUESTS = Counter("fraud_http_requests_total", "Requests answered", ["route", "method", "code"])
PREDICTIONS = Counter("fraud_predictions_total", "Payments decided", ["risk_tier"])
VERDICTS = Counter("fraud_verdicts_total", "Payments decided, by verdict", ["verdict"])
AMOUNT = Counter(
    "fraud_payment_amount_total", "Money of the payments decided, in the deployment's base currency", ["verdict"]
)
MODES = Counter("fraud_prediction_modes_total", "Payments decided, by the mode they were decided in", ["mode"])
FLAGS = Counter("fraud_prediction_flags_total", "Inputs that were stale, missing or truncated, by flag", ["flag"])
RULE_HITS = Counter("fraud_rule_hits_total", "Rules that fired", ["rule"])
LATENCY = Histogram(
    "fraud_prediction_latency_seconds",
    "From a payment's arrival to its recorded answer",
    buckets=LATENCY_BUCKETS_SECONDS,
)
REPLAYS = Counter("fraud_prediction_replays_total", "Requests answered by an earlier decision")
CONFLICTS = Counter("fraud_prediction_conflicts_total", "Transaction ids sent again with another body")
RECORD_FAILURES = Counter(
    "fraud_decision_record_failures_total", "Payments refused because PostgreSQL could not record"
)
CACHE_HITS = Counter("fraud_redis_cache_hits_total", "Profiles found in Redis", ["entity"])
CACHE_MISSES = Counter("fraud_redis_cache_misses_total", "Profiles not found in Redis", ["entity"])
REDIS_FAILURES = Counter("fraud_redis_failures_total", "Feature reads without an answer", ["reason"])
MODEL_VERSION = Gauge(
    "fraud_model_version",
    "Registry version of the model that is served; 0 while rules decide",
    multiprocess_mode="mostrecent",
)
MODEL_REJECTIONS = Counter("fraud_model_rejections_total", "Model versions that failed a check and were not served")

# A counter that appears with its first failure hides that failure from `increase`: what alerts read begins at zero.
for _code in ("200", "500", "503"):
    HTTP_REQUESTS.labels("/predict", "POST", _code)
for _verdict in Verdict:
    VERDICTS.labels(_verdict)
    AMOUNT.labels(_verdict)
for _tier in RiskTier:
    PREDICTIONS.labels(_tier)
for _flag in PROFILE_FLAGS:
    FLAGS.labels(_flag)
for _entity in PROFILE_ENTITIES:
    CACHE_HITS.labels(_entity)
    CACHE_MISSES.labels(_entity)


def exposition() -> tuple[bytes, str]:
    """What ``/metrics`` answers: the text and its content type; several workers add up."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
