import math
from dataclasses import replace
from typing import Any

import pytest

from fraud_features import (
    FEATURE_NAMES,
    FEATURES,
    FeatureSettings,
    Profile,
    Profiles,
    RecentEvents,
    Transaction,
    UserFeatures,
    boundary_us,
    compute_features,
    empty_profile,
    schema_hash,
)
from fraud_features import vector as vector_module
from fraud_features.features import profile_features

SETTINGS = FeatureSettings()
MINIMAL = Transaction("t1", 1_763_733_600_000_000, "U1234", "M001", 50_000, is_international=False)
BOUNDARY = boundary_us(MINIMAL.event_us, SETTINGS)


def merchant_profile(rate: float) -> Profile:
    empty = empty_profile("merchant", BOUNDARY)
    return replace(empty, values={**empty.values, "merchant_known_frauds_rate_30d": rate})


def score(transaction: Transaction, merchant: Profile) -> UserFeatures:
    user = replace(empty_profile("user", BOUNDARY), sets={"user_country_ids_90d": frozenset({"DE"})})
    return compute_features(transaction, RecentEvents.empty(), Profiles.of(user, merchant), SETTINGS)


def test_a_minimal_body_gives_a_whole_vector_and_lists_what_is_missing() -> None:
    features = score(MINIMAL, merchant_profile(0.005))
    assert len(features.to_array()) == len(FEATURE_NAMES)
    assert all(math.isfinite(value) for value in features.values)
    assert {"transaction_country", "transaction_channel", "card_transactions_count_1h"} <= set(features.missing)
    assert "transaction_amount" not in features.missing
    assert features.flags == ()


def test_without_redis_everything_but_the_request_is_missing_and_flagged() -> None:
    features = compute_features(MINIMAL, RecentEvents.unavailable(), Profiles(), SETTINGS)
    known = set(FEATURE_NAMES) - set(features.missing)
    assert known == {f.name for f in FEATURES if f.kind == "request"} & known
    assert features.flags == (
        "user_recent_missing",
        "merchant_recent_missing",
        "user_logins_missing",
        "user_profile_missing",
        "merchant_profile_missing",
    )


def test_amount_merchant_and_country_each_change_the_vector() -> None:
    before = score(replace(MINIMAL, country="DE"), merchant_profile(0.005)).to_array()
    assert score(replace(MINIMAL, country="FR"), merchant_profile(0.005)).to_array() != before
    assert score(replace(MINIMAL, country="DE", amount_cents=50_001), merchant_profile(0.005)).to_array() != before
    assert score(replace(MINIMAL, country="DE", merchant_id="M002"), merchant_profile(0.2)).to_array() != before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("is_international", True),
        ("device_id", "D1"),
        ("channel", "ONLINE"),
        ("card_present", True),
        ("transaction_type", "REFUND"),
        ("merchant_category_code", "5411"),
        ("card_hash", "k1:aa"),
    ],
)
def test_an_optional_field_that_features_read_changes_the_vector(field: str, value: object) -> None:
    merchant = merchant_profile(0.005)
    changed: dict[str, Any] = {field: value}
    assert score(replace(MINIMAL, **changed), merchant).values != score(MINIMAL, merchant).values


def test_missing_values_have_their_explicit_number_and_never_nan() -> None:
    features = UserFeatures.from_values({"transaction_amount": 12.5, "user_amount_mean_30d": float("nan")})
    values = features.to_dict()
    assert values["transaction_amount"] == 12.5
    assert values["user_amount_mean_30d"] == -1.0
    assert values["user_amount_zscore_30d"] == 0.0
    assert set(features.missing) == set(FEATURE_NAMES) - {"transaction_amount"}


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="user_amount_men_30d"):
        UserFeatures.from_values({"user_amount_men_30d": 1.0})


def test_a_profile_of_another_boundary_is_stale_and_not_used() -> None:
    old = empty_profile("user", BOUNDARY - 86_400_000_000)
    features = compute_features(MINIMAL, RecentEvents.empty(), Profiles.of(old, merchant_profile(0.1)), SETTINGS)
    assert features.flags == ("user_profile_stale",)
    # what the model sees then is what it sees of a customer's first payment
    first = compute_features(
        MINIMAL, RecentEvents.empty(), Profiles.of(empty_profile("user", BOUNDARY), merchant_profile(0.1)), SETTINGS
    )
    assert features.values == first.values
    assert {feature.name for feature in profile_features("user")} <= set(features.missing)
    assert set(first.missing) < set(features.missing)


def test_no_number_stands_in_for_a_profile_that_nobody_could_read() -> None:
    features = compute_features(MINIMAL, RecentEvents.unavailable(), Profiles.unavailable(), SETTINGS)
    assert {"user_profile_missing", "merchant_profile_missing"} <= set(features.flags)
    values = features.to_dict()
    assert all(values[f.name] == f.missing for entity in ("user", "merchant") for f in profile_features(entity))


def test_the_hash_follows_the_definition_and_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema_hash(SETTINGS)
    assert schema_hash(SETTINGS) == before
    assert schema_hash(FeatureSettings(profile_lag_hours=3)) != before
    assert schema_hash(FeatureSettings(label_maturity_days=8)) != before
    reworded = (replace(FEATURES[0], sentence="Other words."), *FEATURES[1:])
    monkeypatch.setattr(vector_module, "FEATURES", reworded)
    assert schema_hash(SETTINGS) == before
    for changed in (replace(FEATURES[0], missing=0.0), replace(FEATURES[0], dtype="int")):
        monkeypatch.setattr(vector_module, "FEATURES", (changed, *FEATURES[1:]))
        assert schema_hash(SETTINGS) != before
    monkeypatch.setattr(vector_module, "FEATURES", (FEATURES[1], FEATURES[0], *FEATURES[2:]))
    assert schema_hash(SETTINGS) != before
    monkeypatch.setattr(vector_module, "FEATURES", FEATURES)
    monkeypatch.setattr(vector_module, "SMALL_CENTS", 600)
    assert schema_hash(SETTINGS) != before
