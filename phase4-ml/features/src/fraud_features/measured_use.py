"""What each feature was worth to a model: taken from a training report, kept beside the definition, shown with it."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fraud_features.features import FEATURE_NAMES

MEASURED_USE: Final = Path("phase4-ml/features/src/fraud_features/measured_use.json")
"""Where the figures are committed, from the root of the repository."""


class MeasuredUseError(ValueError):
    """A file is no training report; its message is one sentence with the remedy."""


def measured_use() -> dict[str, float]:
    """Average precision lost when a feature is shuffled, by feature; one that is absent was not measured yet."""
    found = files("fraud_features") / "measured_use.json"
    return dict(json.loads(found.read_text(encoding="utf-8"))["average_precision_lost"]) if found.is_file() else {}


def from_report(report: Mapping[str, Any]) -> str:
    """The text of ``measured_use.json`` from the report of a training run (``var/reports/model.json``).

    A feature that the model never looked at loses nothing.

    Raises:
        MeasuredUseError: the report has no permutation importance.
    """
    importance = report.get("permutation_importance")
    if not isinstance(importance, Mapping) or not isinstance(importance.get("average_precision_lost"), Mapping):
        raise MeasuredUseError("there is no permutation_importance in it: name the report of make ml-train")
    lost = importance["average_precision_lost"]
    unused = set(importance.get("never_looked_at", ()))
    values = {name: round(float(lost.get(name, 0.0)), 4) for name in FEATURE_NAMES if name in lost or name in unused}
    written_by = "fraud-features measure; do not edit"
    return json.dumps({"written_by": written_by, "average_precision_lost": values}, indent=1) + "\n"
