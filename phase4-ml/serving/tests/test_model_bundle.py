import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

from fraud_features import FEATURE_NAMES, schema_hash
from fraud_serving.errors import ModelRejectedError
from fraud_serving.model_bundle import Bundle, BundleStore, Model

SPLIT = 100.0


def forest_of(low: float, high: float) -> bytes:
    """One tree: the first feature below ``SPLIT`` gives the fraud probability ``low``, else ``high``."""
    builder = ModelBuilder(
        threshold_type="float32",
        leaf_output_type="float32",
        metadata=Metadata(
            num_feature=len(FEATURE_NAMES),
            task_type="kMultiClf",
            average_tree_output=True,
            num_target=1,
            num_class=[2],
            leaf_vector_shape=(1, 2),
        ),
        tree_annotation=TreeAnnotation(num_tree=1, target_id=[0], class_id=[-1]),
        postprocessor=PostProcessorFunc(name="identity_multiclass"),
        base_scores=[0.0, 0.0],
    )
    builder.start_tree()
    builder.start_node(0)
    builder.numerical_test(
        feature_id=0, threshold=SPLIT, default_left=True, opname="<", left_child_key=1, right_child_key=2
    )
    builder.end_node()
    for key, fraud in ((1, low), (2, high)):
        builder.start_node(key)
        builder.leaf([1.0 - fraud, fraud])
        builder.end_node()
    builder.end_tree()
    return bytes(builder.commit().serialize_bytes())


def vector(amount: float) -> list[float]:
    return [amount, *[0.0] * (len(FEATURE_NAMES) - 1)]


def bundle_of(change: Callable[[dict[str, Any]], None] = lambda _: None, version: str = "3") -> Bundle:
    forest = forest_of(0.25, 0.75)
    digest = hashlib.sha256(forest).hexdigest()
    manifest: dict[str, Any] = {
        "format_version": 1,
        "model_name": "fraud_classifier",
        "forest_file": "forest.treelite",
        "sha256": digest,
        "treelite_version": "4.8.1",
        "schema_hash": schema_hash(),
        "feature_names": list(FEATURE_NAMES),
        "base_value": 0.5,
        "calibration": {"method": "isotonic", "raw": [0.0, 0.5, 1.0], "calibrated": [0.0, 0.1, 1.0]},
        "thresholds": {"medium": 0.3, "high": 0.5, "critical": 0.8},
        "golden": [
            {"vector": vector(10.0), "raw": 0.25, "calibrated": 0.05, "tier": "LOW"},
            {"vector": vector(900.0), "raw": 0.75, "calibrated": 0.55, "tier": "HIGH"},
        ],
    }
    change(manifest)
    written = json.dumps(manifest).encode()
    return Bundle(
        version=version,
        manifest=written,
        forest=forest,
        manifest_sha256=hashlib.sha256(written).hexdigest(),
        forest_sha256=digest,
        schema_hash=schema_hash(),
    )


def test_a_good_bundle_scores_with_its_calibration() -> None:
    model = Model.load(bundle_of(), schema_hash())
    assert model.version == "3"
    assert model.score(np.asarray(vector(99.0), dtype=np.float32)) == pytest.approx((0.25, 0.05))
    assert model.score(np.asarray(vector(100.0), dtype=np.float32)) == pytest.approx((0.75, 0.55))


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.update({name: value})


def _golden(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["golden"][1].update({name: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_set("format_version", 2), "format_version"),
        (_set("model_name", "other"), "other"),
        (_set("sha256", "0" * 64), "sha256"),
        (_set("schema_hash", "0" * 64), "train again"),
        (_set("feature_names", list(reversed(FEATURE_NAMES))), "train again"),
        (_set("golden", []), "format"),
        (_set("forest_file", "../../etc/passwd"), "format"),
        (_set("calibration", {"method": "x", "raw": [1.0, 0.0], "calibrated": [0.0, 1.0]}), "ascending"),
        (_golden("raw", 0.75 + 1e-6), "golden row 1"),
        (_golden("calibrated", 0.56), "golden row 1"),
        (_golden("tier", "LOW"), "golden row 1"),
        (_golden("vector", [1.0]), "golden row 1"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(change: Callable[[dict[str, Any]], None], why: str) -> None:
    with pytest.raises(ModelRejectedError, match=why):
        Model.load(bundle_of(change), schema_hash())


def test_tampered_files_are_refused() -> None:
    good = bundle_of()
    for bad in (
        replace(good, manifest=good.manifest + b" "),
        replace(good, forest=good.forest[:-1]),
        replace(good, forest=b""),
        replace(good, forest_sha256="0" * 64),
        replace(good, schema_hash="0" * 64),
    ):
        with pytest.raises(ModelRejectedError):
            Model.load(bad, schema_hash())


def test_a_forest_that_is_none_is_refused() -> None:
    garbage = b"not a forest"
    digest = hashlib.sha256(garbage).hexdigest()
    with pytest.raises(ModelRejectedError, match="cannot be read"):
        Model.load(replace(bundle_of(_set("sha256", digest)), forest=garbage, forest_sha256=digest), schema_hash())


def test_a_model_of_another_meaning_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match="train again"):
        Model.load(bundle_of(), "another hash")


def test_the_last_good_bundle_survives_on_disk(tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "models")
    assert store.read() is None
    first, second, third = (bundle_of(_set("base_value", value), str(value)) for value in (1, 2, 3))
    for bundle in (first, second, second, third):
        store.save(bundle)
        assert store.read() == bundle
    kept = {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()}
    assert kept == {second.manifest_sha256, third.manifest_sha256}


def test_a_damaged_store_is_an_empty_one(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    store.save(bundle_of())
    (tmp_path / "champion.json").write_text("{")
    assert store.read() is None
    store.save(bundle_of())
    store.forget()
    assert store.read() is None
