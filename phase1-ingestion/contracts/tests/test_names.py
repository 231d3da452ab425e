"""Names that several rooms rely on."""

import pytest

from fraud_contracts import (
    LABELS,
    QUARANTINE_TABLE,
    RAW_TOPICS,
    TRANSACTIONS,
    bronze_path,
    category_features_key,
    checkpoint_path,
    decision_key,
    field_names,
    merchant_features_key,
    recent_key,
    topic,
    user_features_key,
)


def test_every_raw_topic_has_a_dead_letter_twin_of_its_own() -> None:
    assert [(t.name, t.dead_letter_topic, t.table) for t in RAW_TOPICS] == [
        ("transactions.raw", "transactions.dlq", "transactions"),
        ("labels.raw", "labels.dlq", "labels"),
        ("logins.raw", "logins.dlq", "logins"),
        ("card_events.raw", "card_events.dlq", "card_events"),
        ("kyc_profiles.raw", "kyc_profiles.dlq", "kyc_profiles"),
        ("external_alerts.raw", "external_alerts.dlq", "external_alerts"),
    ]


def test_a_users_payments_share_a_partition() -> None:
    assert TRANSACTIONS.key_field == "user_id"
    assert TRANSACTIONS.partitions == 10


def test_key_and_id_are_fields_of_the_schema() -> None:
    for raw in RAW_TOPICS:
        assert {raw.key_field, raw.id_field} <= set(field_names(raw))


def test_subjects_follow_the_topic_name_strategy() -> None:
    assert LABELS.subject == "labels.raw-value"


def test_topic_is_found_by_name() -> None:
    assert topic("labels.raw") is LABELS


def test_unknown_topic_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"transactions\.raw"):
        topic("payments")


def test_quarantine_lies_outside_bronze() -> None:
    assert bronze_path("bucket", "labels") == "s3a://bucket/bronze/labels"
    assert bronze_path("bucket", QUARANTINE_TABLE, "s3") == "s3://bucket/quarantine/events"
    assert checkpoint_path("bucket", "labels") == "s3a://bucket/checkpoints/labels"


def test_redis_keys() -> None:
    assert user_features_key("U1") == "user_features:U1"
    assert merchant_features_key("M1") == "merchant_features:M1"
    assert category_features_key("5411") == "category_features:5411"
    assert recent_key("card", "k1:ab") == "recent:card:k1:ab"
    assert decision_key("t1") == "decision:t1"
