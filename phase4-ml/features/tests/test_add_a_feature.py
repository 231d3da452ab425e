"""Adding a feature is one entry and one command, as CONTRIBUTING.md shows it: done here on a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
NAME = "card_devices_distinct_24h"
# every payment of a random history, by the online computation and by the reference
COMPARE = f"""
from fraud_features import *
from fraud_features.features import WINDOW_ENTITIES
from fraud_features.histories import sample_history
from fraud_features.reference import Reference

history = sample_history(7, 80, 1)
reference, values = Reference(history.transactions, []), set()
for payment in reference.transactions:
    recent = {{
        entity: Recent([t.as_recent() for t in reference.transactions if t.entity_id(entity) == entity_id])
        for entity in WINDOW_ENTITIES
        if (entity_id := payment.entity_id(entity)) is not None
    }}
    got = compute_features(payment, RecentEvents(recent), Profiles(), FeatureSettings()).to_dict()["{NAME}"]
    want = reference.vector(payment)["{NAME}"]
    assert got == (-1.0 if want is None else want), payment
    values.add(got)
assert len(values) > 2, values
"""

# the same by the generated SQL on Trino, by way of the parity test's own functions
ON_TRINO = f"""
import os
import test_trino_parity as parity
from fraud_features import UserFeatures
from fraud_features.histories import sample_history

with parity.schema_of_its_own(os.environ) as lake:
    gold = parity.build(lake, "grown", sample_history(7, 60, 1))
reference, values = parity.reference_of(gold.history), set()
assert len(gold.vectors) == len(reference.transactions) == 60
for payment in reference.transactions:
    want = UserFeatures.from_values(reference.vector(payment))
    parity.assert_same(gold.vectors[payment.transaction_id], want, payment.transaction_id)
    parity.assert_same(parity.online(reference, gold, payment), want, payment.transaction_id)
    values.add(want.to_dict()["{NAME}"])
assert len(values) > 2, values
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its generated files, at the paths that they have in the repository."""
    package = Path("phase4-ml/features/src/fraud_features")
    shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    run(tmp_path, "-m", "fraud_features.cli", "render", "--root", str(tmp_path))
    return tmp_path


def run(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Python in the package's own folder, which makes the copy the one that is imported."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root / "phase4-ml/features/src",
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def add_entry(root: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    entry = re.search(r"```\n(    _distinct\(.*?\n)```", guide, re.DOTALL)
    assert entry, "CONTRIBUTING.md shows no entry"
    features = root / "phase4-ml/features/src/fraud_features/features.py"
    text = features.read_text()
    place = text.index(")\n\nDEVICE_WINDOWS")
    features.write_text(text[:place] + entry.group(1) + text[place:])


def test_the_entry_of_the_guide_becomes_a_feature_everywhere(copy: Path) -> None:
    before = run(copy, "-m", "fraud_features.cli", "hash").stdout
    add_entry(copy)
    stale = run(copy, "-m", "fraud_features.cli", "render", "--check", "--root", str(copy))
    assert stale.returncode == 1
    assert "docs/features.md differs" in stale.stderr
    rendered = run(copy, "-m", "fraud_features.cli", "render", "--root", str(copy))
    assert rendered.returncode == 0, rendered.stderr
    project = copy / "phase3-transforms/dbt_project"
    for path in ("macros/generated/fraud_features.sql", "models/marts/mart_fraud_features.yml"):
        assert NAME in (project / path).read_text()
    assert f"`{NAME}`" in (copy / "docs/features.md").read_text()
    assert run(copy, "-m", "fraud_features.cli", "hash").stdout != before
    compared = run(copy, "-c", COMPARE)
    assert compared.returncode == 0, compared.stderr


@pytest.mark.integration
def test_the_new_feature_is_the_same_on_trino_too(copy: Path, stack: Any) -> None:
    stack.need("trino", "lakehouse-init")
    add_entry(copy)
    assert run(copy, "-m", "fraud_features.cli", "render", "--root", str(copy)).returncode == 0
    shutil.copy(Path(__file__).parent / "integration/test_trino_parity.py", copy / "phase4-ml/features/src")
    compared = run(copy, "-c", ON_TRINO, env=stack.env)
    assert compared.returncode == 0, compared.stderr
