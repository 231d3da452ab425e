import numpy as np

from fraud_serving.engine import RiskTier, tier_of
from fraud_training.champion import summary
from fraud_training.evaluate import HIGH_RISK
from fraud_training.forest import ForestSettings
from fraud_training.model_card import model_card
from fraud_training.plots import calibration_plot, precision_recall_plot
from fraud_training.train import TrainedModel

PNG = b"\x89PNG"


def test_summary_has_the_keys_of_the_demo_report(trained: TrainedModel) -> None:
    answer = summary(trained.form.manifest)

    assert answer.keys() >= {
        "train_period",
        "test_period",
        "auc",
        "average_precision",
        "card_precision_at_100",
        "detection_rate_at_fpr_0_5_percent",
        "baseline_average_precision",
    }
    assert answer["baseline_average_precision"] == max(
        answer["amount_average_precision"], answer["logistic_average_precision"]
    )


def test_model_card_names_data_periods_and_figures(trained: TrainedModel, small_forest: ForestSettings) -> None:
    card = model_card(trained, small_forest)
    manifest = trained.form.manifest

    assert "`delta.gold.features` at version 4" in card
    assert manifest["schema_hash"] in card
    assert manifest["test_period"]["start"] in card
    assert f"{trained.metrics['auc']:.4f}" in card


def test_alerts_are_the_payments_that_the_api_calls_high(trained: TrainedModel) -> None:
    alerts = [tier_of(float(p)) in {RiskTier.HIGH, RiskTier.CRITICAL} for p in trained.test_scores["forest"]]

    assert tier_of(HIGH_RISK) == RiskTier.HIGH
    assert tier_of(float(np.nextafter(HIGH_RISK, 0))) == RiskTier.MEDIUM
    assert 0 < sum(alerts) < len(alerts)
    assert trained.metrics["alert_recall"] == np.mean(np.array(alerts)[trained.test_frauds])
    assert trained.metrics["alert_precision"] == np.mean(trained.test_frauds[alerts])


def test_plots_are_pictures(trained: TrainedModel) -> None:
    assert precision_recall_plot(trained.test_frauds, trained.test_scores).startswith(PNG)
    assert calibration_plot(trained.test_frauds, trained.test_scores["forest"]).startswith(PNG)
