"""The table in which training writes how the served model fares, and from which the lag exporter reads it.

One row per figure, append-only; the rows of one look have the same kind and the same ``measured_at``.
"""

from typing import Final

MONITORING: Final = "monitoring"
"""Trino schema; its one writer is the user ``trainer``."""
MONITORING_PREFIX: Final = "operations"
"""In the bucket: what cannot be built anew from Bronze."""
MODEL_FIGURES_TABLE: Final = "model_figures"

# kinds of a look
DRIFT: Final = "drift"
SHADOW: Final = "shadow"

# measures of a look at drift; the subject of the first is the name of the feature
FEATURE_INDEX: Final = "feature_psi"
SCORE_INDEX: Final = "score_psi"
DRIFTED_FEATURES: Final = "drifted_features"
# measures of a look at the challenger; the subject of the first is the name of the threshold
DISAGREEMENT: Final = "disagreement_share"
MEAN_DIFFERENCE: Final = "mean_absolute_difference"
RANK_CORRELATION: Final = "rank_correlation"
DECISIONS: Final = "decisions"
"""Decisions compared; 0 while there is no challenger."""

MODEL_FIGURES_COLUMNS: Final = (
    ("kind", "varchar"),
    ("model_version", "integer"),
    ("other_version", "integer"),
    ("measure", "varchar"),
    ("subject", "varchar"),
    # NULL where too few payments carry no figure
    ("value", "double"),
    ("payments", "bigint"),
    ("reference_payments", "bigint"),
)
"""Name and Trino type; ``measured_at``, a ``timestamp(3) with time zone``, comes before them."""
