"""From the rows of the newest looks at a model to gauges."""

from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from fraud_contracts import model_figures as contract
from fraud_stream.model_figures import ModelFigures, model_figures, model_metrics

AT = 1_000_000.0


def drift(measure: str, subject: str, value: float | None) -> list[Any]:
    return [contract.DRIFT, measure, subject, value, 900, 5000, AT]


def shadow(measure: str, subject: str, value: float | None, count: int = 700) -> list[Any]:
    return [contract.SHADOW, measure, subject, value, count, None, AT + 60]


LOOKS = [
    drift(contract.SCORE_INDEX, "score", 0.31),
    drift(contract.FEATURE_INDEX, "amount", 0.4),
    drift(contract.FEATURE_INDEX, "hour", 0.0),
    drift(contract.DRIFTED_FEATURES, "", 1),
    shadow(contract.DECISIONS, "", 700),
    shadow(contract.DISAGREEMENT, "HIGH", 0.02),
    shadow(contract.MEAN_DIFFERENCE, "", 0.01),
    shadow(contract.RANK_CORRELATION, "", 0.9),
]


def samples(figures: ModelFigures) -> dict[tuple[str, ...], float]:
    """Every sample: its name, its label values, and its value."""

    class Page(Collector):
        def collect(self) -> list[Metric]:
            return list(model_metrics(figures))

    registry = CollectorRegistry()
    registry.register(Page())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def test_everything_that_was_measured_is_a_gauge() -> None:
    assert samples(model_figures(LOOKS)) == {
        ("fraud_model_score_psi",): 0.31,
        ("fraud_model_feature_psi", "amount"): 0.4,
        ("fraud_model_feature_psi", "hour"): 0.0,
        ("fraud_model_drifted_features",): 1,
        ("fraud_model_drift_payments",): 900,
        ("fraud_model_drift_reference_payments",): 5000,
        ("fraud_shadow_decisions",): 700,
        ("fraud_shadow_disagreement_ratio", "HIGH"): 0.02,
        ("fraud_shadow_probability_difference",): 0.01,
        ("fraud_shadow_rank_correlation",): 0.9,
        ("fraud_model_last_look_timestamp_seconds", contract.DRIFT): AT,
        ("fraud_model_last_look_timestamp_seconds", contract.SHADOW): AT + 60,
    }


def test_what_too_few_payments_could_not_carry_is_absent_and_how_many_there_were_is_told() -> None:
    few = [[*row[:3], None, *row[4:]] if row[0] == contract.DRIFT else row for row in LOOKS[:4]]

    assert samples(model_figures(few)) == {
        ("fraud_model_drift_payments",): 900,
        ("fraud_model_drift_reference_payments",): 5000,
        ("fraud_model_last_look_timestamp_seconds", contract.DRIFT): AT,
    }


def test_without_a_challenger_nothing_disagrees() -> None:
    alone = model_figures([shadow(contract.DECISIONS, "", 0.0, 0)])

    assert samples(alone) == {
        ("fraud_shadow_decisions",): 0,
        ("fraud_model_last_look_timestamp_seconds", contract.SHADOW): AT + 60,
    }


def test_before_the_first_look_there_is_nothing() -> None:
    assert samples(model_figures([])) == {}
