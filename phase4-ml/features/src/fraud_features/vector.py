"""The ordered float32 vector that training and serving share, and the hash of what it means."""

import hashlib
import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from fraud_features.events import CONTACT_CHANGES, FAILED_OUTCOMES
from fraud_features.features import FEATURE_NAMES, FEATURES, PROFILE_ENTITIES
from fraud_features.inputs import (
    HABITS,
    NEAR_THRESHOLDS_CENTS,
    PREDICATES,
    RATE_PRIOR_FRAUDS,
    RATE_PRIOR_PAYMENTS,
    RATIO_CAP,
    REQUEST_INPUTS,
    RUN_GAP_US,
    SMALL_CENTS,
    SPEED_CAP_KMH,
    STD_FLOOR,
    Z_CAP,
)
from fraud_features.settings import FeatureSettings
from fraud_features.sql_profiles import Maturity, meaning_sql, profile_query


@dataclass(frozen=True, slots=True)
class UserFeatures:
    """The features of one payment.

    ``values`` are in the order of ``FEATURE_NAMES`` and never NaN; ``missing`` names those that were not known and
    stand at their explicit number, or at that of a first payment where a profile could not be used; ``flags`` says what
    was wrong with the inputs (``user_profile_stale``, ``merchant_recent_truncated`` …).
    """

    values: tuple[float, ...]
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return FEATURE_NAMES

    @classmethod
    def from_values(
        cls, values: Mapping[str, float | None], flags: Sequence[str] = (), stand_ins: Collection[str] = ()
    ) -> "UserFeatures":
        """From values by name; None, NaN or an absent name becomes the feature's missing number.

        Args:
            values: numbers by feature name.
            flags: what was missing, stale or truncated among the inputs.
            stand_ins: names whose value only stands in for one that could not be had: listed as missing too.

        Raises:
            KeyError: a name is no feature.
        """
        unknown = values.keys() - set(FEATURE_NAMES)
        if unknown:
            raise KeyError(f"no such feature: {', '.join(sorted(unknown))}")
        ordered: list[float] = []
        missing: list[str] = []
        for feature in FEATURES:
            value = values.get(feature.name)
            # a NaN is the one value that differs from itself
            if value is None or value != value:  # noqa: PLR0124
                value = feature.missing
                missing.append(feature.name)
            elif feature.name in stand_ins:
                missing.append(feature.name)
            ordered.append(float(value))
        return cls(tuple(ordered), tuple(missing), tuple(flags))

    def to_array(self) -> "array[float]":
        """The model's input: float32, shape ``(len(FEATURE_NAMES),)``."""
        return array("f", self.values)

    def to_dict(self) -> dict[str, float]:
        """Values by name, in vector order."""
        return dict(zip(FEATURE_NAMES, self.values, strict=True))


def schema_hash(settings: FeatureSettings | None = None) -> str:
    """SHA-256 (hex) of everything that gives the vector its meaning; ``settings`` default to the environment's.

    A model carries it; scoring with another hash would feed it other features than it learned from.
    """
    chosen = settings or FeatureSettings.from_env()
    maturity = Maturity.of(chosen.label_maturity_days)
    meaning = {
        "features": [asdict(feature) | {"sentence": None, "reason": None} for feature in FEATURES],
        "inputs": {name: value.sql for name, value in REQUEST_INPUTS.items()},
        "expressions": {f.name: meaning_sql(f) for f in FEATURES},
        "predicates": {name: value.sql for name, value in PREDICATES.items()},
        "constants": [
            NEAR_THRESHOLDS_CENTS,
            SMALL_CENTS,
            SPEED_CAP_KMH,
            RATIO_CAP,
            Z_CAP,
            STD_FLOOR,
            RATE_PRIOR_FRAUDS,
            RATE_PRIOR_PAYMENTS,
            RUN_GAP_US,
        ],
        "habits": {name: [habit.sql, habit.bins, habit.reach] for name, habit in HABITS.items()},
        "failed_outcomes": FAILED_OUTCOMES,
        "contact_changes": CONTACT_CHANGES,
        # whole queries: what an expression reads is made in the stages before it
        "profiles": {
            entity: profile_query(entity, "payments", "labels", "kyc", "needed", maturity)
            for entity in PROFILE_ENTITIES
        },
        "settings": asdict(chosen),
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
