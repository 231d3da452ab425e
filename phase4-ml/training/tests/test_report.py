import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, FEATURES
from fraud_serving.engine import RiskTier, tier_of
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.champion import summary
from fraud_training.compromised import day_numbers, known_compromised
from fraud_training.errors import TrainingError
from fraud_training.evaluate import HIGH_RISK
from fraud_training.metrics import card_precision_at
from fraud_training.model_card import model_card
from fraud_training.plots import plots_of, write_plots
from fraud_training.reliability import reliability
from fraud_training.report import build_report, write_report
from fraud_training.thresholds import Costs
from fraud_training.train import TrainedModel, TrainingData

MATURITY_DAYS = 7
TELLING = [column for column in range(len(FEATURES)) if column != AMOUNT_COLUMN][:2]
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def report(trained: TrainedModel, training_data: TrainingData) -> dict[str, Any]:
    return build_report(training_data, trained, MATURITY_DAYS, Costs())


def test_every_model_is_judged_alike_with_an_interval(report: dict[str, Any], trained: TrainedModel) -> None:
    assert report["models"].keys() == {"forest", "amount", "logistic", "isolation_forest"}
    for figures in report["models"].values():
        assert figures["average_precision_low"] < figures["average_precision"] < figures["average_precision_high"]
        low, high = figures["detection_rate_at_fpr_0_1_percent"], figures["detection_rate_at_fpr_0_5_percent"]
        assert 0 <= low <= high <= 1
    forest = report["models"]["forest"]
    assert forest == {name: trained.metrics[name] for name in forest}


def test_the_report_tells_kinds_maturity_confusion_calibration_and_importance(
    report: dict[str, Any], training_data: TrainingData
) -> None:
    test = training_data.test
    frauds = int(test.frauds.sum())

    assert sum(row["frauds"] for row in report["by_fraud_type"]["kinds"]) == frauds
    assert {row["fraud_type"] for row in report["by_fraud_type"]["kinds"]} == {"velocity_burst", "bust_out", "not said"}
    assert [row["days_after_the_payment"] for row in report["by_label_maturity"]] == [1, 3, MATURITY_DAYS, None]
    assert report["by_label_maturity"][-1]["frauds_known"] == frauds
    assert report["thresholds"].keys() == {"high_risk", "cost", "capacity"}
    for threshold in report["thresholds"].values():
        confusion = threshold["test"]
        assert confusion["true_positives"] + confusion["false_negatives"] == frauds
        assert frauds + confusion["false_positives"] + confusion["true_negatives"] == len(test.payments)
    assert sum(row["payments"] for row in report["calibration"]["bins"]) == len(test.payments)
    lost = list(report["permutation_importance"]["average_precision_lost"])
    assert set(lost[: len(TELLING)]) == {FEATURE_NAMES[column] for column in TELLING}
    assert set(lost).isdisjoint(report["permutation_importance"]["never_looked_at"])
    assert len(lost) + len(report["permutation_importance"]["never_looked_at"]) == len(FEATURE_NAMES)


def test_cards_known_before_the_test_day_are_out_of_every_models_card_precision(
    report: dict[str, Any], trained: TrainedModel, training_data: TrainingData
) -> None:
    test, period = training_data.test, training_data.split.test
    left_out = known_compromised(test.payments, training_data.history, period, training_data.split.train.start_us)
    days = day_numbers(test.payments, period)

    assert 0 < left_out.sum() < len(test.payments)
    assert report["card_precision"]["left_out_payments"] == left_out.sum()
    for name, figures in report["models"].items():
        arguments = (trained.test_scores[name], test.frauds, test.payments.cards, days)
        assert figures["card_precision_at_100"] == card_precision_at(*arguments, left_out=left_out)


def test_a_report_is_written_whole_or_not_at_all(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "reports" / "model.json"
    write_report(report, path)

    assert json.loads(path.read_text()) == report
    assert [file.name for file in path.parent.iterdir()] == ["model.json"]
    with pytest.raises(TrainingError, match=r"cannot be written to .*FRAUD_TRAINING_REPORTS_DIR"):
        write_report(report, path / "below_a_file" / "model.json")


def test_bins_of_probabilities_that_mean_what_they_say() -> None:
    generator = np.random.default_rng(4)
    honest = generator.random(200_000) ** 3
    frauds = generator.random(200_000) < honest
    told = reliability(frauds, honest)

    assert told.payments.sum() == 200_000
    assert np.abs(told.predicted - told.observed).max() < 0.025
    assert told.expected_calibration_error < 0.005
    assert reliability(frauds, honest / 2).expected_calibration_error == pytest.approx(honest.mean() / 2, abs=0.005)


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


def test_model_card_names_data_periods_and_figures(trained: TrainedModel) -> None:
    card = model_card(trained)
    manifest = trained.form.manifest

    assert "`delta.gold.features` at version 4" in card
    assert manifest["schema_hash"] in card
    assert manifest["test_period"]["start"] in card
    assert f"{trained.metrics['auc']:.4f}" in card
    assert f"| capacity: 100 alerts a day | {manifest['thresholds']['capacity']['probability']:.4f} |" in card


def test_alerts_are_the_payments_that_the_api_calls_high(trained: TrainedModel) -> None:
    alerts = [tier_of(float(p)) in {RiskTier.HIGH, RiskTier.CRITICAL} for p in trained.test_scores["forest"]]

    assert tier_of(HIGH_RISK) == RiskTier.HIGH
    assert tier_of(float(np.nextafter(HIGH_RISK, 0))) == RiskTier.MEDIUM
    assert 0 < sum(alerts) < len(alerts)
    assert trained.metrics["alert_recall"] == np.mean(np.array(alerts)[trained.test_frauds])
    assert trained.metrics["alert_precision"] == np.mean(trained.test_frauds[alerts])


def test_plots_are_pictures_in_one_folder_that_each_run_replaces(trained: TrainedModel, tmp_path: Path) -> None:
    folder, plots = tmp_path / "reports" / "plots", plots_of(trained)
    write_plots({"of_a_former_run.png": b""}, folder)
    # what a run that was killed left
    (folder.with_name(".plots.draft")).mkdir()
    write_plots(plots, folder)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == plots
    assert plots.keys() == {"precision_recall.png", "calibration.png"}
    assert all(png.startswith(PNG) for png in plots.values())
    assert [file.name for file in folder.parent.iterdir()] == ["plots"]
    file = tmp_path / "a file"
    file.touch()
    with pytest.raises(TrainingError, match=r"The plots cannot be written to .*: name another folder in FRAUD_TRAIN"):
        write_plots(plots, file / "plots")
