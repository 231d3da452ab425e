"""A model's files: what must hold before one is served, how it scores, and the last good one on disk."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import treelite
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraud_contracts import REGISTERED_MODEL
from fraud_features import FEATURE_NAMES
from fraud_serving.errors import ModelRejectedError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
# Training wrote the golden answers with the same library on the same numbers: only rounding may differ.
GOLDEN_TOLERANCE = 1e-9

Vector = npt.NDArray[np.float32]


class Calibration(BaseModel):
    """Points of the monotonous map from raw to calibrated probability; between them it is linear."""

    method: str
    raw: list[float] = Field(min_length=1)
    calibrated: list[float] = Field(min_length=1)


class GoldenRow(BaseModel):
    """A vector and the answer it had when the model was trained."""

    vector: list[float]
    raw: float
    calibrated: float


class Manifest(BaseModel):
    """``manifest.json`` as training writes it; what serving does not use is ignored."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    format_version: int
    model_name: str
    forest_file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str
    schema_hash: str
    feature_names: list[str]
    base_value: float
    calibration: Calibration
    golden: list[GoldenRow] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one registered version, as bytes, with what the registry says about them."""

    version: str
    manifest: bytes
    forest: bytes
    manifest_sha256: str
    forest_sha256: str
    schema_hash: str


class Model:
    """A forest with its calibration, ready to score one row at a time. Made by :meth:`load` only."""

    def __init__(self, *, version: str, digest: str, manifest: Manifest, forest: treelite.Model) -> None:
        self.version = version
        self.digest = digest
        self.manifest = manifest
        self._forest = forest
        self._raw = np.asarray(manifest.calibration.raw, dtype=np.float64)
        self._calibrated = np.asarray(manifest.calibration.calibrated, dtype=np.float64)

    def score(self, vector: Vector) -> tuple[float, float]:
        """Raw and calibrated probability of fraud for one float32 vector of shape (n_features,) without NaN."""
        answer = treelite.gtil.predict(self._forest, vector.reshape(1, -1), nthread=1)
        raw = float(answer[0, 0, 1])
        return raw, float(np.interp(raw, self._raw, self._calibrated))

    @classmethod
    def load(cls, bundle: Bundle, meaning: str) -> Self:
        """Checks the files and makes them a model; ``meaning`` is the hash of this service's feature definition.

        Raises:
            ModelRejectedError: a digest, the feature definition or a golden row does not hold.
        """
        _demand(_sha256(bundle.manifest) == bundle.manifest_sha256, "manifest.json is not the registered one (sha256)")
        try:
            manifest = Manifest.model_validate_json(bundle.manifest)
        except ValidationError as error:
            raise ModelRejectedError(f"manifest.json does not fit the format: {error.errors()[0]['msg']}") from error
        _demand(
            manifest.format_version == FORMAT_VERSION,
            f"format_version is {manifest.format_version}, this service reads {FORMAT_VERSION}",
        )
        _demand(manifest.model_name == REGISTERED_MODEL, f"the manifest is of {manifest.model_name!r}")
        forest_digest = _sha256(bundle.forest)
        _demand(
            forest_digest == manifest.sha256 == bundle.forest_sha256,
            f"{manifest.forest_file} is not the registered one (sha256)",
        )
        _demand(
            manifest.schema_hash == bundle.schema_hash == meaning
            and tuple(manifest.feature_names) == tuple(FEATURE_NAMES),
            "the model was trained on another feature definition than this service computes: train again",
        )
        calibration = manifest.calibration
        _demand(
            len(calibration.raw) == len(calibration.calibrated) and calibration.raw == sorted(calibration.raw),
            "the calibration's points are not ascending pairs",
        )
        try:
            forest = treelite.Model.deserialize_bytes(bundle.forest)
        except treelite.TreeliteError as error:
            raise ModelRejectedError(f"{manifest.forest_file} cannot be read") from error
        _demand(forest.num_feature == len(FEATURE_NAMES), f"the forest takes {forest.num_feature} features")
        model = cls(version=bundle.version, digest=forest_digest, manifest=manifest, forest=forest)
        model.check_golden_rows()
        return model

    def check_golden_rows(self) -> None:
        """Scores the rows that training recorded.

        Raises:
            ModelRejectedError: an answer differs.
        """
        for number, row in enumerate(self.manifest.golden):
            _demand(len(row.vector) == len(FEATURE_NAMES), f"golden row {number} has {len(row.vector)} values")
            raw, calibrated = self.score(np.asarray(row.vector, dtype=np.float32))
            _demand(
                abs(raw - row.raw) <= GOLDEN_TOLERANCE and abs(calibrated - row.calibrated) <= GOLDEN_TOLERANCE,
                f"golden row {number} scores {raw:.12g}, {calibrated:.12g}, not {row.raw:.12g}, {row.calibrated:.12g}",
            )


class BundleStore:
    """The last good model on disk, so that a start needs no model registry."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointer = folder / "champion.json"

    def save(self, bundle: Bundle) -> None:
        """Keeps this bundle as the last good one; a crash in between leaves the former one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / bundle.manifest_sha256
        if not target.exists():
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._folder))
            (draft / MANIFEST_FILE).write_bytes(bundle.manifest)
            (draft / "forest").write_bytes(bundle.forest)
            try:
                draft.rename(target)
            except OSError:  # another worker was faster with the same files
                shutil.rmtree(draft)
        pointer = {
            "version": bundle.version,
            "manifest_sha256": bundle.manifest_sha256,
            "forest_sha256": bundle.forest_sha256,
            "schema_hash": bundle.schema_hash,
        }
        former = self._read_pointer()
        with tempfile.NamedTemporaryFile("w", dir=self._folder, prefix=".pointer-", delete=False) as draft_pointer:
            json.dump(pointer, draft_pointer)
            draft_pointer.flush()
            os.fsync(draft_pointer.fileno())
        Path(draft_pointer.name).replace(self._pointer)
        self._drop_all_but({bundle.manifest_sha256, str((former or pointer)["manifest_sha256"])})

    def read(self) -> Bundle | None:
        """The bundle that was saved last, unchecked; ``None`` when there is none or a file is missing."""
        pointer = self._read_pointer()
        if pointer is None:
            return None
        try:
            folder = self._folder / str(pointer["manifest_sha256"])
            return Bundle(
                version=str(pointer["version"]),
                manifest=(folder / MANIFEST_FILE).read_bytes(),
                forest=(folder / "forest").read_bytes(),
                manifest_sha256=str(pointer["manifest_sha256"]),
                forest_sha256=str(pointer["forest_sha256"]),
                schema_hash=str(pointer["schema_hash"]),
            )
        except (OSError, KeyError):
            return None

    def forget(self) -> None:
        """There is no champion any more: the next start must not serve the former one."""
        self._pointer.unlink(missing_ok=True)

    def _read_pointer(self) -> dict[str, Any] | None:
        try:
            pointer = json.loads(self._pointer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pointer if isinstance(pointer, dict) else None

    def _drop_all_but(self, digests: set[str]) -> None:
        """Removes older models; the former champion stays for the worker that may be reading it."""
        for folder in self._folder.iterdir():
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in digests:
                shutil.rmtree(folder, ignore_errors=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelRejectedError(otherwise)
