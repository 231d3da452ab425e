"""The model card: one page of Markdown with every run."""

from typing import Any

from fraud_training.anomaly import ISOLATION
from fraud_training.evaluate import (
    AUC,
    AVERAGE_PRECISION,
    AVERAGE_PRECISION_LOW,
    BASELINES,
    CARD_PRECISION,
    CARD_PRECISION_CEILING,
    DETECTION_RATE,
    HIGH_RISK,
    STRICT_DETECTION_RATE,
    baseline_metric,
    margin_metric,
)
from fraud_training.metrics import area_under_roc, average_precision
from fraud_training.thresholds import CAPACITY, COST
from fraud_training.train import TrainedModel

_TOP_FEATURES = 15


def _period(name: str, period: dict[str, str]) -> str:
    return f"| {name} | {period['start']} | {period['end']} |"


def _threshold(name: str, threshold: dict[str, Any]) -> str:
    given = {
        COST: f"cost: {threshold['false_positive_cost']:g} per false alert, its amount per missed fraud",
        CAPACITY: f"capacity: {threshold['alerts_per_day']} alerts a day",
    }[name]
    test = threshold["test"]
    return (
        f"| {given} | {threshold['probability']:.4f} | {test['alerts_per_day']:.1f} | {test['precision']:.3f} "
        f"| {test['recall']:.3f} | {test['cost']:.0f} ({test['cost_without_alerts']:.0f}) |"
    )


def _search(model: TrainedModel) -> list[str]:
    if not model.trials:
        return []
    return [
        "## Settings, chosen on the validation period",
        "",
        "A candidate replaces the present constants when it beats them in 9 of 10 resamples of the cards.",
        "",
        "| candidate | average precision there (small forests on a sample) | resamples better | |",
        "|---|---|---|---|",
        *(
            f"| {trial.name} | {trial.average_precision:.4f} | {trial.share_better:.0%} "
            f"| {'chosen' if trial.settings == model.settings else ''} |"
            for trial in model.trials
        ),
        "",
    ]


def model_card(model: TrainedModel) -> str:
    """What the model is, what it learned from, how well it does, and where it must not be trusted."""
    manifest: dict[str, Any] = model.form.manifest
    settings = model.settings
    metrics = model.metrics
    features, labels = manifest["data_version"]["features"], manifest["data_version"]["labels"]
    known = [manifest["feature_names"][column] for column in model.columns]
    ranked = sorted(zip(known, model.forest.feature_importances_, strict=True), key=lambda pair: -pair[1])
    dropped = ", ".join(f"`{name}`" for name in manifest["dropped_features"]) or "none"
    lines = [
        f"# {manifest['model_name']}",
        "",
        f"A random forest of {settings.trees} trees that ranks payments by their risk of being fraud.",
        f"Its raw score is calibrated ({manifest['calibration']['method']}) on the validation period. It decides",
        "nothing by itself: rules and statistics stand beside it.",
        "",
        "## Data",
        "",
        f"- features: `{features['table']}` at version {features['version']}, schema hash `{manifest['schema_hash']}`",
        f"- labels: `{labels['table']}` at version {labels['version']}; training saw only labels known before",
        f"  {manifest['validation_period']['start']}, calibration only those known before",
        f"  {manifest['test_period']['start']}",
        f"- legitimate payments per fraud in the training sample: at most {settings.negatives_per_fraud}",
        f"- features dropped because they never vary in the training period: {dropped}",
        "",
        "| period | from | to (exclusive) |",
        "|---|---|---|",
        _period("train", manifest["train_period"]),
        _period("validation", manifest["validation_period"]),
        _period("test", manifest["test_period"]),
        "",
        "## Test period, scored once",
        "",
        "| figure | value |",
        "|---|---|",
        f"| AUC | {metrics[AUC]:.4f} |",
        f"| average precision (95 % interval by cards) | {metrics[AVERAGE_PRECISION]:.4f} "
        f"({metrics[AVERAGE_PRECISION_LOW]:.4f} to {metrics['average_precision_high']:.4f}) |",
        *(
            f"| average precision, {name} (the forest is better by at least) "
            f"| {metrics[baseline_metric(name)]:.4f} ({metrics[margin_metric(name)]:.4f}) |"
            for name in BASELINES
        ),
        "| AUC and average precision of the isolation forest, which knows no label "
        f"| {area_under_roc(model.test_scores[ISOLATION], model.test_frauds):.4f}, "
        f"{average_precision(model.test_scores[ISOLATION], model.test_frauds):.4f} |",
        "| card precision at 100 a day without cards known as compromised before "
        f"(ceiling {metrics[CARD_PRECISION_CEILING]:.4f}) | {metrics[CARD_PRECISION]:.4f} |",
        f"| frauds found at 0.1 % and at 0.5 % false positives | {metrics[STRICT_DETECTION_RATE]:.4f}, "
        f"{metrics[DETECTION_RATE]:.4f} |",
        f"| alerts a day (probability of {HIGH_RISK:g} or more: HIGH and CRITICAL) | {metrics['alerts_per_day']:.1f} |",
        f"| precision and recall of those alerts | {metrics['alert_precision']:.3f}, {metrics['alert_recall']:.3f} |",
        f"| mean probability, share of fraud | {metrics['mean_probability']:.5f}, {metrics['fraud_share']:.5f} |",
        f"| payments, frauds | {metrics['test_payments']:.0f}, {metrics['test_frauds']:.0f} |",
        "",
        *_search(model),
        "## Thresholds, chosen on the validation period",
        "",
        "The API does not use them: they say where a team with these costs, or so many alerts a day, would draw the",
        "line. The figures are of the test period.",
        "",
        "| by | alert from | alerts a day | precision | recall | cost of errors (without alerts) |",
        "|---|---|---|---|---|---|",
        *(_threshold(name, threshold) for name, threshold in manifest["thresholds"].items()),
        "",
        "## What it looks at most (share of impurity removed)",
        "",
        *(f"- `{name}` {share:.3f}" for name, share in ranked[:_TOP_FEATURES]),
        "",
        "## Limits",
        "",
        "- A payment without a fraud label counts as legitimate once labels had time to arrive; frauds that nobody",
        "  reports are learned as legitimate.",
        "- Impurity shares favour features with many values; they rank, they do not explain a single decision.",
        "- Calibration holds for the fraud share and the customers of the validation period.",
        "",
    ]
    return "\n".join(lines)
