from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, schema_hash
from fraud_serving.errors import ModelRejectedError
from fraud_serving.model_bundle import Bundle, BundleStore, Model

MakeBundle = Callable[..., Bundle]


def vector(amount: float) -> list[float]:
    return [amount, *[0.0] * (len(FEATURE_NAMES) - 1)]


def test_a_good_bundle_scores_with_its_calibration(make_bundle: MakeBundle) -> None:
    model = Model.load(make_bundle(), schema_hash())
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
        (_golden("vector", [1.0]), "golden row 1"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(
    make_bundle: MakeBundle, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    with pytest.raises(ModelRejectedError, match=why):
        Model.load(make_bundle(change), schema_hash())


def test_tampered_files_are_refused(make_bundle: MakeBundle) -> None:
    good = make_bundle()
    for bad in (
        replace(good, manifest=good.manifest + b" "),
        replace(good, forest=good.forest[:-1]),
        replace(good, forest=b""),
        replace(good, forest_sha256="0" * 64),
        replace(good, schema_hash="0" * 64),
    ):
        with pytest.raises(ModelRejectedError):
            Model.load(bad, schema_hash())


def test_a_forest_that_is_none_is_refused(make_bundle: MakeBundle) -> None:
    garbage = b"not a forest"
    digest = sha256(garbage).hexdigest()
    with pytest.raises(ModelRejectedError, match="cannot be read"):
        Model.load(replace(make_bundle(_set("sha256", digest)), forest=garbage, forest_sha256=digest), schema_hash())


def test_a_model_of_another_meaning_is_refused(make_bundle: MakeBundle) -> None:
    with pytest.raises(ModelRejectedError, match="train again"):
        Model.load(make_bundle(), "another hash")


def test_the_last_good_bundle_survives_on_disk(make_bundle: MakeBundle, tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "models")
    assert store.read() is None
    first, second, third = (make_bundle(_set("base_value", value), str(value)) for value in (1, 2, 3))
    for bundle in (first, second, second, third):
        store.save(bundle)
        assert store.read() == bundle
    kept = {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()}
    assert kept == {second.manifest_sha256, third.manifest_sha256}


def test_a_damaged_store_is_an_empty_one(make_bundle: MakeBundle, tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    store.save(make_bundle())
    (tmp_path / "champion.json").write_text("{")
    assert store.read() is None
    store.save(make_bundle())
    store.forget()
    assert store.read() is None
