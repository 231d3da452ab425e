"""Logging a training run in MLflow."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow.sklearn
import sklearn
import skops
from mlflow.entities import Metric, Param
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from fraud_training.model_card import model_card
from fraud_training.plots import PLOTS_FOLDER, put_plots
from fraud_training.registry import SERVING_FOLDER, Registry
from fraud_training.report import MODEL_REPORT, report_text
from fraud_training.split import iso
from fraud_training.train import TrainedModel, TrainingData

EXPERIMENT = "fraud_training"
_RETRAINABLE_FOLDER = "retrainable"
# skops loads only the types it is told to trust, and a forest holds this one
_TRUSTED_TYPES = ["sklearn.tree._tree.Tree"]
_ANOMALY_FOLDER = "anomaly"


def write_sklearn(forest: RandomForestClassifier | IsolationForest, folder: Path) -> None:
    """A scikit-learn forest as an MLflow model without a pickle."""
    mlflow.sklearn.save_model(
        forest,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=_TRUSTED_TYPES,
        # named here, or MLflow starts a process of its own to find them out
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
    )


def _experiment_id(registry: Registry) -> str:
    found = registry.client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else registry.client.create_experiment(EXPERIMENT))


def log_run(
    registry: Registry, data: TrainingData, model: TrainedModel, report: dict[str, Any], plots: dict[str, bytes]
) -> str:
    """Log parameters, metrics, plots, report, model card, the served form, the retrainable and the isolation forest.

    Args:
        plots: PNG by file name.

    Returns:
        The id of the finished run.
    """
    client, manifest, split = registry.client, model.form.manifest, data.split
    run = client.create_run(
        _experiment_id(registry),
        run_name=f"forest-{model.form.sha256[:8]}",
        tags={
            "schema_hash": manifest["schema_hash"],
            "features_version": data.features_version.relation,
            "labels_version": data.labels_version.relation,
            "sha256": model.form.sha256,
        },
    )
    run_id = str(run.info.run_id)
    try:
        parameters = {
            **asdict(model.settings),
            "candidates_tried": len(model.trials),
            "features": len(manifest["feature_names"]),
            "features_dropped": len(manifest["dropped_features"]),
            "features_version": data.features_version.version,
            "labels_version": data.labels_version.version,
            "train_start": iso(split.train.start_us),
            "train_end": iso(split.train.end_us),
            "train_payments": len(data.train.payments),
            "train_frauds": int(data.train.frauds.sum()),
            "train_labels_before": iso(split.train_labels_before_us),
            "validation_start": iso(split.validation.start_us),
            "test_start": iso(split.test.start_us),
            "test_end": iso(split.test.end_us),
            "parity_difference": model.parity_difference,
        }
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, run.info.start_time, 0) for name, value in model.metrics.items()],
            params=[Param(name, str(value)) for name, value in parameters.items()],
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model.form.write(folder / SERVING_FOLDER)
            write_sklearn(model.forest, folder / _RETRAINABLE_FOLDER)
            write_sklearn(model.isolation, folder / _ANOMALY_FOLDER)
            (folder / "model_card.md").write_text(model_card(model), encoding="utf-8")
            (folder / MODEL_REPORT).write_text(report_text(report), encoding="utf-8")
            put_plots(plots, folder / PLOTS_FOLDER)
            client.log_artifacts(run_id, str(folder))
    except BaseException:
        client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)
    return run_id
