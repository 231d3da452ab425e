"""Profiles: what is known of a user, merchant or category at a day boundary, and which boundary a payment looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from fraud_features.features import PROFILE_ENTITIES, US_PER_DAY, Feature, profile_features
from fraud_features.inputs import HABITS, NEW_COLUMNS, RATE_PRIOR_FRAUDS, RATE_PRIOR_PAYMENTS
from fraud_features.settings import FeatureSettings

DERIVED_AGGREGATES: Final = frozenset({"zscore", "ratio", "new", "share"})
"""Aggregates that compare the payment with its profile; every other profile feature is stored in the profile."""

Status = Literal["fresh", "stale", "missing", "unread"]


def profile_columns(entity: str) -> tuple[str, ...]:
    """Names of the numbers stored in an entity's profile, in vector order."""
    return tuple(f.name for f in profile_features(entity) if f.aggregate not in DERIVED_AGGREGATES)


def set_columns(entity: str) -> tuple[str, ...]:
    """Names of the sets stored in an entity's profile, in the order of ``NEW_COLUMNS``."""
    inputs = {f.input for f in profile_features(entity) if f.aggregate == "new"}
    return tuple(f"{entity}_{name}_ids_90d" for name in NEW_COLUMNS if name in inputs)


def habit_columns(entity: str) -> dict[str, str]:
    """Names of the counts by bin stored in an entity's profile, each with its input of ``inputs.HABITS``."""
    inputs = {f.input for f in profile_features(entity) if f.aggregate == "share"}
    return {f"{entity}_{name}_counts_90d": name for name in HABITS if name in inputs}


def stored_columns(entity: str) -> tuple[str, ...]:
    """Columns of a profile in Gold, in the order in which ``redis_layout`` reads them."""
    return (*profile_columns(entity), *set_columns(entity), *habit_columns(entity))


def boundary_us(event_us: int, settings: FeatureSettings) -> int:
    """The snapshot boundary of a payment: the last UTC midnight at or before ``event_us - lag``."""
    return (event_us - settings.profile_lag_us) // US_PER_DAY * US_PER_DAY


PROFILE_FLAGS: Final = {
    f"{entity}_profile_{status}": entity for entity in PROFILE_ENTITIES for status in ("stale", "missing")
}
"""Flags of a vector without the profile of the payment's own boundary, each with the entity it speaks of."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One entity's profile at boundary ``as_of_us``; a value None means there was nothing to take it from.

    ``habits`` holds payments by bin, one count for each bin of ``inputs.HABITS``.
    """

    as_of_us: int
    values: Mapping[str, float | None]
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    habits: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profiles:
    """Profiles of a payment's user, merchant and merchant category, and the status of each.

    ``stale``: profiles exist, but none of the boundary the payment needs; ``missing``: there are none at all.
    Either way nothing of them is served: their features are not known, and the vector, with the numbers of an entity
    without history in their place, carries a flag of ``PROFILE_FLAGS``. ``unread``: nobody could look; no number stands
    in for these.
    """

    by_entity: Mapping[str, Profile] = field(default_factory=dict)
    statuses: Mapping[str, Status] = field(default_factory=dict)

    @classmethod
    def of(cls, user: Profile | None, merchant: Profile | None, category: Profile | None = None) -> "Profiles":
        """Profiles that are known to be of the right boundary."""
        given = zip(PROFILE_ENTITIES, (user, merchant, category), strict=True)
        found = {entity: profile for entity, profile in given if profile is not None}
        return cls(found, dict.fromkeys(found, "fresh"))

    @classmethod
    def unavailable(cls) -> "Profiles":
        """Nothing could be read."""
        return cls({}, dict.fromkeys(PROFILE_ENTITIES, "unread"))

    def profile(self, entity: str) -> Profile | None:
        return self.by_entity.get(entity)

    def status(self, entity: str) -> Status:
        return self.statuses.get(entity, "missing")


PROFILE_COLUMNS: Final = {entity: profile_columns(entity) for entity in PROFILE_ENTITIES}
SET_COLUMNS: Final = {entity: set_columns(entity) for entity in PROFILE_ENTITIES}
HABIT_COLUMNS: Final = {entity: habit_columns(entity) for entity in PROFILE_ENTITIES}


def empty_profile(entity: str, as_of_us: int) -> Profile:
    """The profile of an entity without history: the same numbers that Gold gives to a first payment."""
    stored = [f for f in profile_features(entity) if f.aggregate not in DERIVED_AGGREGATES]
    return Profile(as_of_us, {f.name: _without_history(f) for f in stored}, {})


def _without_history(feature: Feature) -> float | None:
    if feature.source == "kyc":
        return None
    if feature.aggregate in {"count", "active", "length"}:
        return 0.0
    if feature.aggregate == "rate":
        return RATE_PRIOR_FRAUDS / RATE_PRIOR_PAYMENTS
    if feature.aggregate in {"days_since", "age"} and feature.window is not None:
        return float(feature.window.days)
    return None
