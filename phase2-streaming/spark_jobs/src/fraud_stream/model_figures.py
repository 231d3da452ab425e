"""How the served model fares, from the table in which training writes what it found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from fraud_contracts import model_figures as contract
from fraud_stream.gauges import with_samples

# a look that is older says nothing about today: its figures are absent rather than old
NEWEST_DAYS = 8


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The newest look at drift and the newest look at a challenger; what was not measured, or not judged, is absent."""

    # population stability indices: of each feature that the model looks at, and of its score
    features: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    drifted_features: float | None = None
    # payments on both sides of the look at drift, whether they were enough or not
    payments: int | None = None
    reference_payments: int | None = None
    # by threshold, the share of decisions that champion and challenger decide differently
    disagreement: Mapping[str, float] = field(default_factory=dict)
    mean_difference: float | None = None
    rank_correlation: float | None = None
    decisions: float | None = None
    # by kind of look, when it was taken, in seconds since the epoch
    measured: Mapping[str, float] = field(default_factory=dict)


def newest_looks_query(table: str) -> str:
    """SQL for the rows of the newest look of each kind, if it is not too old: what :func:`model_figures` takes.

    The condition on the time alone lets Trino leave out the files of former looks.
    """
    recent = f"measured_at > current_timestamp - INTERVAL '{NEWEST_DAYS}' DAY"
    return (
        "SELECT kind, measure, subject, value, payments, reference_payments, to_unixtime(measured_at) "  # noqa: S608 - own names
        f"FROM (SELECT *, max(measured_at) OVER (PARTITION BY kind) AS newest FROM {table} WHERE {recent}) "
        "WHERE measured_at = newest"
    )


def model_figures(rows: Iterable[Sequence[Any]]) -> ModelFigures:
    """The figures in the rows of the newest looks."""
    measured: dict[str, float] = {}
    values: dict[tuple[str, str], dict[str, float]] = {}
    payments: tuple[int | None, int | None] = (None, None)
    for kind, measure, subject, value, count, reference, at in rows:
        measured[str(kind)] = float(at)
        if (kind, measure) == (contract.DRIFT, contract.SCORE_INDEX):
            payments = (count, reference)
        if value is not None:
            values.setdefault((kind, measure), {})[str(subject)] = float(value)

    def of(kind: str, measure: str) -> dict[str, float]:
        return values.get((kind, measure), {})

    def one(kind: str, measure: str) -> float | None:
        return next(iter(of(kind, measure).values()), None)

    return ModelFigures(
        features=of(contract.DRIFT, contract.FEATURE_INDEX),
        score=one(contract.DRIFT, contract.SCORE_INDEX),
        drifted_features=one(contract.DRIFT, contract.DRIFTED_FEATURES),
        payments=payments[0],
        reference_payments=payments[1],
        disagreement=of(contract.SHADOW, contract.DISAGREEMENT),
        mean_difference=one(contract.SHADOW, contract.MEAN_DIFFERENCE),
        rank_correlation=one(contract.SHADOW, contract.RANK_CORRELATION),
        decisions=one(contract.SHADOW, contract.DECISIONS),
        measured=measured,
    )


def model_metrics(figures: ModelFigures) -> Iterator[Metric]:
    """Gauges of these figures; one without a value has no sample."""
    yield with_samples(
        GaugeMetricFamily(
            "fraud_model_feature_psi",
            "Population stability index of a feature that the champion looks at, newest days against its validation "
            "period",
            labels=["feature"],
        ),
        figures.features.items(),
    )
    yield GaugeMetricFamily(
        "fraud_model_score_psi", "The same of the champion's calibrated probability", value=figures.score
    )
    yield GaugeMetricFamily(
        "fraud_model_drifted_features",
        "Features that the champion looks at and whose index has reached the bound",
        value=figures.drifted_features,
    )
    yield GaugeMetricFamily(
        "fraud_model_drift_payments",
        "Payments of the newest days that drift was measured on",
        value=figures.payments,
    )
    yield GaugeMetricFamily(
        "fraud_model_drift_reference_payments",
        "Payments of the champion's validation period that they were compared with",
        value=figures.reference_payments,
    )
    yield with_samples(
        GaugeMetricFamily(
            "fraud_shadow_disagreement_ratio",
            "Share of logged decisions that the challenger would have put on the other side of a threshold",
            labels=["threshold"],
        ),
        figures.disagreement.items(),
    )
    yield GaugeMetricFamily(
        "fraud_shadow_probability_difference",
        "Mean absolute difference of the probabilities of champion and challenger",
        value=figures.mean_difference,
    )
    yield GaugeMetricFamily(
        "fraud_shadow_rank_correlation", "Spearman's correlation of the two", value=figures.rank_correlation
    )
    yield GaugeMetricFamily(
        "fraud_shadow_decisions", "Logged decisions compared; 0 without a challenger", value=figures.decisions
    )
    yield with_samples(
        GaugeMetricFamily(
            "fraud_model_last_look_timestamp_seconds",
            "When drift or the challenger was looked at last",
            labels=["kind"],
        ),
        figures.measured.items(),
    )
