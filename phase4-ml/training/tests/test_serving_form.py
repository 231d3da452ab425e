import json
from pathlib import Path

import numpy as np
import pytest
import treelite

from fraud_features import FEATURE_NAMES
from fraud_training.errors import RegistryError
from fraud_training.serving_form import FOREST_FILE, MANIFEST_FILE, ServingForm
from fraud_training.train import TrainedModel, TrainingData


def test_a_form_survives_being_written(trained: TrainedModel, training_data: TrainingData, tmp_path: Path) -> None:
    trained.form.write(tmp_path)
    read = ServingForm.read(tmp_path)

    assert read.sha256 == trained.form.sha256
    assert read.manifest_sha256 == trained.form.manifest_sha256
    vectors = training_data.test.payments.vectors
    assert np.array_equal(read.probabilities(vectors), trained.form.probabilities(vectors))


def test_another_forest_than_described_is_refused(trained: TrainedModel, tmp_path: Path) -> None:
    trained.form.write(tmp_path)
    (tmp_path / FOREST_FILE).write_bytes(trained.form.forest + b" ")

    with pytest.raises(RegistryError, match="sha256 differs"):
        ServingForm.read(tmp_path)


def test_another_format_is_refused(trained: TrainedModel, tmp_path: Path) -> None:
    trained.form.write(tmp_path)
    manifest = trained.form.manifest | {"format_version": 2}
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")

    with pytest.raises(RegistryError, match="format 2"):
        ServingForm.read(tmp_path)


def test_golden_rows_can_be_followed_with_nothing_but_the_manifest(trained: TrainedModel, tmp_path: Path) -> None:
    """Scores as a reader of the contract would: treelite, interpolation, comparison."""
    trained.form.write(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text(encoding="utf-8"))
    forest = treelite.Model.deserialize_bytes((tmp_path / FOREST_FILE).read_bytes())

    assert tuple(manifest["feature_names"]) == FEATURE_NAMES
    for row in manifest["golden"]:
        vector = np.array([row["vector"]], dtype=np.float32)
        raw = treelite.gtil.predict(forest, vector, nthread=1)[0, 0, 1]
        calibrated = np.interp(raw, manifest["calibration"]["raw"], manifest["calibration"]["calibrated"])
        assert raw == pytest.approx(row["raw"], abs=1e-9)
        assert calibrated == pytest.approx(row["calibrated"], abs=1e-9)
