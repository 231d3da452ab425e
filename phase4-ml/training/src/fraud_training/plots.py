"""The pictures of a training run."""

import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from fraud_training.errors import TrainingError
from fraud_training.reliability import reliability
from fraud_training.train import FOREST, TrainedModel

PLOTS_FOLDER = "plots"


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return buffer.getvalue()


def precision_recall_plot(frauds: NDArray[np.bool_], scores: dict[str, NDArray[np.float64]]) -> bytes:
    """Precision against recall, one line per model, as PNG."""
    figure = Figure(figsize=(6, 4.5))
    axes = figure.subplots()
    for name, values in scores.items():
        precision, recall, _ = precision_recall_curve(frauds, values)
        axes.step(recall, precision, where="post", label=name)
    axes.set(xlabel="recall", ylabel="precision", title="Test period", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend()
    return _png(figure)


def calibration_plot(frauds: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> bytes:
    """Observed fraud share against mean probability, in bins that each hold as many frauds, as PNG."""
    figure = Figure(figsize=(5, 4.5))
    axes = figure.subplots()
    bins = reliability(frauds, probabilities)
    axes.plot([1e-5, 1], [1e-5, 1], color="grey", linewidth=1)
    axes.plot(bins.predicted, bins.observed, marker="o")
    axes.set(xlabel="mean probability", ylabel="share of fraud", title="Test period", xscale="log", yscale="symlog")
    axes.set_yscale("symlog", linthresh=1e-4)
    return _png(figure)


def plots_of(model: TrainedModel) -> dict[str, bytes]:
    """Every picture of a model on its test period, as PNG by file name."""
    return {
        "precision_recall.png": precision_recall_plot(model.test_frauds, model.test_scores),
        "calibration.png": calibration_plot(model.test_frauds, model.test_scores[FOREST]),
    }


def put_plots(plots: dict[str, bytes], folder: Path) -> None:
    """Pictures as files of a folder that is not there yet."""
    folder.mkdir(parents=True)
    for name, png in plots.items():
        (folder / name).write_bytes(png)


def write_plots(plots: dict[str, bytes], folder: Path) -> None:
    """Write pictures into a folder, which holds these and nothing else afterwards.

    Raises:
        TrainingError: the folder cannot be written.
    """
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        put_plots(plots, draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    except OSError as error:
        raise TrainingError(
            f"The plots cannot be written to {folder} ({error.strerror}): name another folder in "
            "FRAUD_TRAINING_REPORTS_DIR."
        ) from error
