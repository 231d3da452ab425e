"""The served form of a model: a forest file and the manifest that says what it is and how to use it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

from fraud_contracts import REGISTERED_MODEL
from fraud_training.calibration import Calibration
from fraud_training.errors import RegistryError
from fraud_training.split import Period

FORMAT_VERSION = 1
FOREST_FILE = "forest.treelite"
MANIFEST_FILE = "manifest.json"


def raw_scores(model: treelite.Model, vectors: NDArray[np.float32], threads: int = 1) -> NDArray[np.float64]:
    """Uncalibrated fraud probabilities of the served forest.

    Args:
        vectors: shape (n, features), float32, no NaN.

    Returns:
        Shape (n,).
    """
    answer = treelite.gtil.predict(model, np.ascontiguousarray(vectors, dtype=np.float32), nthread=threads)
    return np.asarray(answer[:, 0, 1], dtype=np.float64)


@dataclass(frozen=True)
class ServingForm:
    """A forest and its manifest, as bytes and as something that scores."""

    forest: bytes
    manifest: dict[str, Any]

    @cached_property
    def model(self) -> treelite.Model:
        return treelite.Model.deserialize_bytes(self.forest)

    @property
    def calibration(self) -> Calibration:
        stored = self.manifest["calibration"]
        return Calibration(stored["method"], tuple(stored["raw"]), tuple(stored["calibrated"]))

    @property
    def test_period(self) -> Period:
        return Period.from_text(self.manifest["test_period"])

    @property
    def sha256(self) -> str:
        """Digest of the forest file."""
        return hashlib.sha256(self.forest).hexdigest()

    @property
    def manifest_bytes(self) -> bytes:
        return json.dumps(self.manifest, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"

    @property
    def manifest_sha256(self) -> str:
        return hashlib.sha256(self.manifest_bytes).hexdigest()

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated fraud probabilities, shape (n,)."""
        return self.calibration(raw_scores(self.model, vectors, threads=2))

    def write(self, folder: Path) -> None:
        """Write both files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FOREST_FILE).write_bytes(self.forest)
        (folder / MANIFEST_FILE).write_bytes(self.manifest_bytes)

    @classmethod
    def read(cls, folder: Path) -> "ServingForm":
        """Read both files.

        Raises:
            RegistryError: the forest is not the one the manifest describes, or the format is unknown.
        """
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        form = cls((folder / FOREST_FILE).read_bytes(), manifest)
        if manifest.get("format_version") != FORMAT_VERSION:
            raise RegistryError(
                f"The manifest has format {manifest.get('format_version')}, this is for {FORMAT_VERSION}."
            )
        if form.sha256 != manifest["sha256"]:
            raise RegistryError("The forest file is not the one its manifest describes (sha256 differs); train again.")
        return form


def describe_forest(
    forest: bytes,
    *,
    schema_hash: str,
    feature_names: tuple[str, ...],
    base_value: float,
    calibration: Calibration,
) -> dict[str, Any]:
    """The part of the manifest that scoring needs."""
    return {
        "format_version": FORMAT_VERSION,
        "model_name": REGISTERED_MODEL,
        "forest_file": FOREST_FILE,
        "sha256": hashlib.sha256(forest).hexdigest(),
        "treelite_version": treelite.__version__,
        "schema_hash": schema_hash,
        "feature_names": list(feature_names),
        "base_value": base_value,
        "calibration": {
            "method": calibration.method,
            "raw": list(calibration.raw),
            "calibrated": list(calibration.calibrated),
        },
    }
