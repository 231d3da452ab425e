"""The one feature definition and the modules that compile it.

``compute_features`` turns a payment, its recent events and its profiles into ``UserFeatures``; ``redis_layout`` keeps
both in Redis; ``schema_hash`` tells whether a model was trained on the same meaning.
"""

from fraud_features.events import KycChange, Label, Login, RecentEvent, RecentLogin, Transaction, to_cents
from fraud_features.features import FEATURE_NAMES, FEATURES, Feature, Window, feature
from fraud_features.online import Recent, RecentEvents, RecentLogins, compute_features
from fraud_features.profile import Profile, Profiles, boundary_us, empty_profile
from fraud_features.redis_layout import (
    PROFILE_EXPIRY_SECONDS,
    RECENT_SCRIPT,
    ScriptCall,
    describe_profiles,
    login_call,
    parse_profiles,
    parse_recent,
    profile_entries,
    profile_keys,
    profile_query,
    recent_call,
)
from fraud_features.settings import FeatureSettings
from fraud_features.vector import UserFeatures, schema_hash

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "PROFILE_EXPIRY_SECONDS",
    "RECENT_SCRIPT",
    "Feature",
    "FeatureSettings",
    "KycChange",
    "Label",
    "Login",
    "Profile",
    "Profiles",
    "Recent",
    "RecentEvent",
    "RecentEvents",
    "RecentLogin",
    "RecentLogins",
    "ScriptCall",
    "Transaction",
    "UserFeatures",
    "Window",
    "boundary_us",
    "compute_features",
    "describe_profiles",
    "empty_profile",
    "feature",
    "login_call",
    "parse_profiles",
    "parse_recent",
    "profile_entries",
    "profile_keys",
    "profile_query",
    "recent_call",
    "schema_hash",
    "to_cents",
]
