"""A small real model in the form that training hands over."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

from fraud_features import FEATURE_NAMES, schema_hash
from fraud_serving.model_bundle import Bundle

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
        "golden": [
            {"vector": vector(10.0), "raw": 0.25, "calibrated": 0.05},
            {"vector": vector(900.0), "raw": 0.75, "calibrated": 0.55},
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


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    """``make_bundle(change, version)``: a bundle that holds, but for what ``change`` does to its manifest.

    Its forest gives 0.25 (calibrated 0.05) to an amount below 100, else 0.75 (calibrated 0.55).
    """
    return bundle_of
