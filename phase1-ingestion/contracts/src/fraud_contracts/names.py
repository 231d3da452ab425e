"""Topic, table, bucket and key names: the only place where they are spelled."""

from dataclasses import dataclass
from typing import Final

from fraud_contracts.topic_settings import dead_letter_name, topic_settings


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic that carries Avro records, its dead letter twin and the Bronze table it lands in."""

    name: str
    schema_file: str
    key_field: str
    id_field: str
    partitions: int
    table: str

    @property
    def dead_letter_topic(self) -> str:
        return dead_letter_name(self.name)

    @property
    def subject(self) -> str:
        """Name under which the value's schema is registered (TopicNameStrategy)."""
        return f"{self.name}-value"


def _partitions(name: str) -> int:
    return topic_settings()[name].partitions


TRANSACTIONS: Final = Topic(
    name="transactions.raw",
    schema_file="transaction.avsc",
    key_field="user_id",
    id_field="transaction_id",
    partitions=_partitions("transactions.raw"),
    table="transactions",
)
LABELS: Final = Topic(
    name="labels.raw",
    schema_file="label.avsc",
    key_field="transaction_id",
    id_field="label_id",
    partitions=_partitions("labels.raw"),
    table="labels",
)
LOGINS: Final = Topic(
    name="logins.raw",
    schema_file="login.avsc",
    key_field="user_id",
    id_field="login_id",
    partitions=_partitions("logins.raw"),
    table="logins",
)
CARD_EVENTS: Final = Topic(
    name="card_events.raw",
    schema_file="card_event.avsc",
    key_field="user_id",
    id_field="card_event_id",
    partitions=_partitions("card_events.raw"),
    table="card_events",
)
KYC_PROFILES: Final = Topic(
    name="kyc_profiles.raw",
    schema_file="kyc_profile.avsc",
    key_field="user_id",
    id_field="kyc_change_id",
    partitions=_partitions("kyc_profiles.raw"),
    table="kyc_profiles",
)
EXTERNAL_ALERTS: Final = Topic(
    name="external_alerts.raw",
    schema_file="external_alert.avsc",
    key_field="entity_id",
    id_field="alert_id",
    partitions=_partitions("external_alerts.raw"),
    table="external_alerts",
)
RAW_TOPICS: Final = (TRANSACTIONS, LABELS, LOGINS, CARD_EVENTS, KYC_PROFILES, EXTERNAL_ALERTS)

COMPATIBILITY: Final = "FULL_TRANSITIVE"

# Trino catalog and schemas; the same words are the prefixes in the bucket.
CATALOG: Final = "delta"
BRONZE: Final = "bronze"
SILVER: Final = "silver"
GOLD: Final = "gold"
QUARANTINE_TABLE: Final = "quarantine"
QUARANTINE_PREFIX: Final = "quarantine"
CHECKPOINTS_PREFIX: Final = "checkpoints"

# Columns that the Bronze writer adds to the fields of the record.
LEDGER_COLUMNS: Final = (
    "_topic",
    "_partition",
    "_offset",
    "_kafka_timestamp",
    "_schema_id",
    "_ingested_at",
    "_batch_id",
)

REGISTERED_MODEL: Final = "fraud_classifier"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
CANDIDATE: Final = "candidate"


def topic(name: str) -> Topic:
    """The raw topic called ``name``.

    Raises:
        KeyError: no raw topic has that name.
    """
    for candidate in RAW_TOPICS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no topic {name!r}; known: {', '.join(t.name for t in RAW_TOPICS)}")


def bronze_path(bucket: str, table: str, scheme: str = "s3a") -> str:
    """Location of a Bronze table; quarantine has a prefix of its own."""
    if table == QUARANTINE_TABLE:
        return f"{scheme}://{bucket}/{QUARANTINE_PREFIX}/events"
    return f"{scheme}://{bucket}/{BRONZE}/{table}"


def checkpoint_path(bucket: str, table: str, scheme: str = "s3a") -> str:
    """Location of the streaming checkpoint that feeds a Bronze table."""
    return f"{scheme}://{bucket}/{CHECKPOINTS_PREFIX}/{table}"


def user_features_key(user_id: str) -> str:
    """Redis key of a user's two newest profiles."""
    return f"user_features:{user_id}"


def merchant_features_key(merchant_id: str) -> str:
    """Redis key of a merchant's two newest profiles."""
    return f"merchant_features:{merchant_id}"


def category_features_key(category: str) -> str:
    """Redis key of the two newest profiles of a merchant category."""
    return f"category_features:{category}"


def recent_key(entity: str, entity_id: str) -> str:
    """Redis key of an entity's recent events; ``entity`` is user, card, device or merchant."""
    return f"recent:{entity}:{entity_id}"


def decision_key(transaction_id: str) -> str:
    """Redis key of the claim and answer of one decision."""
    return f"decision:{transaction_id}"
