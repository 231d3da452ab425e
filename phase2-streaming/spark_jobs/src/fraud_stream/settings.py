"""Settings, read from the environment by the names of ``.env.example``."""

import binascii
import re
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraud_stream import failpoints
from fraud_stream.errors import SettingsError

Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=8)]
Port = Annotated[int, Field(ge=1, le=65535)]

QUARANTINE_KEY_BYTES = (16, 24, 32)
_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0}


def _seconds(interval: object) -> object:
    """A number with a unit (``500ms``, ``10s``, ``1min``) in seconds; without one it is seconds already."""
    if not isinstance(interval, str):
        return interval
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|)\s*", interval)
    if match is None:
        raise ValueError("it must be a number with ms, s or min, for example 10s")
    return float(match[1]) * _UNITS[match[2]]


Interval = Annotated[float, BeforeValidator(_seconds)]


class LayoutSettings(BaseSettings):
    """Where in the object store this stream lives."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    s3_bucket: Text = Field("fraud-platform", alias="S3_BUCKET")
    # Prefix of topics, tables and checkpoints: a second, independent copy of the stream on the same platform.
    namespace: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*)?$")] = Field("", alias="FRAUD_STREAM_NAMESPACE")


class RetentionSettings(BaseSettings):
    """How long tables can be read as they were, and who says which versions must stay."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    vacuum_retention_days: int = Field(30, alias="BRONZE_VACUUM_RETENTION", ge=7)
    # where models are registered: versions of tables that they name are kept; empty without a registry
    mlflow_tracking_uri: str = Field("", alias="MLFLOW_TRACKING_URI")


class CatalogueSettings(LayoutSettings):
    """What asking Trino about Bronze needs."""

    trino_url: Text = Field(alias="TRINO_URL")


class VacuumSettings(CatalogueSettings, RetentionSettings):
    """What vacuuming the tables that Trino writes needs."""


class PlatformSettings(CatalogueSettings):
    """What comparing Bronze with Kafka and with the producer's ledger needs."""

    kafka_bootstrap_servers: Text = Field(alias="KAFKA_BOOTSTRAP_SERVERS")
    ledger_dir: Path = Field(Path("var/ledger"), alias="FRAUD_PRODUCER_LEDGER_DIR")
    freshness_bound_seconds: float = Field(120, alias="FRAUD_STREAM_FRESHNESS_BOUND_SECONDS", gt=0)


class QuarantineKeySettings(LayoutSettings):
    """The key that quarantined payloads are encrypted with."""

    quarantine_key: Secret = Field(alias="FRAUD_STREAM_QUARANTINE_KEY")

    @field_validator("quarantine_key")
    @classmethod
    def _is_an_aes_key(cls, key: SecretStr) -> SecretStr:
        try:
            size = len(binascii.unhexlify(key.get_secret_value()))
        except ValueError:
            size = 0
        if size not in QUARANTINE_KEY_BYTES:
            raise ValueError("it must be 32, 48 or 64 hexadecimal digits")
        return key

    @property
    def quarantine_key_bytes(self) -> bytes:
        return binascii.unhexlify(self.quarantine_key.get_secret_value())


class AuditSettings(BaseSettings):
    """Where it is written down who did what by hand, and why."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    audit_log: Path = Field(Path("var/audit/quarantine.jsonl"), alias="FRAUD_STREAM_AUDIT_LOG")


class QuarantineSettings(QuarantineKeySettings, CatalogueSettings, AuditSettings):
    """What reading quarantined payloads in clear needs."""


class RedriveSettings(QuarantineSettings, PlatformSettings):
    """What deciding about quarantined messages needs: sending them again is producing."""


class ObjectStoreSettings(LayoutSettings):
    """Where the object store is."""

    s3_endpoint_url: Text = Field(alias="S3_ENDPOINT_URL")
    s3_region: Text = Field("us-east-1", alias="S3_REGION")


class StartOverSettings(ObjectStoreSettings, QuarantineSettings, PlatformSettings):
    """What removing the tables that Spark writes needs: Spark's own rights."""

    s3_access_key: Text = Field(alias="SPARK_S3_ACCESS_KEY")
    s3_secret_key: Secret = Field(alias="SPARK_S3_SECRET_KEY")


class LagExporterSettings(ObjectStoreSettings, CatalogueSettings):
    """Everything that the lag and freshness exporter needs; it reads the checkpoints and nothing else of the bucket."""

    kafka_bootstrap_servers: Text = Field(alias="KAFKA_BOOTSTRAP_SERVERS")
    s3_access_key: Text = Field(alias="CHECKPOINT_READER_S3_ACCESS_KEY")
    s3_secret_key: Secret = Field(alias="CHECKPOINT_READER_S3_SECRET_KEY")

    bind_host: Text = Field("127.0.0.1", alias="FRAUD_BIND_HOST")
    port: Port = Field(9308, alias="LAG_EXPORTER_PORT")
    poll_seconds: float = Field(5, alias="FRAUD_LAG_POLL_SECONDS", gt=0)
    lakehouse_poll_seconds: float = Field(30, alias="FRAUD_LAKEHOUSE_POLL_SECONDS", gt=0)
    # published, so that an alert can hold the delay of labels against it
    label_maturity_days: int = Field(7, alias="FRAUD_FEATURES_LABEL_MATURITY_DAYS", ge=0)
    # Named, not discovered: whoever looks into a topic with a group of his own would become a series.
    consumer_groups: Text = Field("feature-writer", alias="FRAUD_LAG_CONSUMER_GROUPS")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the consumer groups to watch; the setting separates them by commas."""
        return tuple(name.strip() for name in self.consumer_groups.split(",") if name.strip())


class WriterSettings(QuarantineKeySettings, ObjectStoreSettings, RetentionSettings):
    """Everything that the Bronze writer needs."""

    kafka_bootstrap_servers: Text = Field(alias="KAFKA_BOOTSTRAP_SERVERS")
    schema_registry_url: Text = Field(alias="SCHEMA_REGISTRY_URL")
    s3_access_key: Text = Field(alias="SPARK_S3_ACCESS_KEY")
    s3_secret_key: Secret = Field(alias="SPARK_S3_SECRET_KEY")

    spark_jars_dir: Path = Field(alias="FRAUD_SPARK_JARS_DIR")
    work_dir: Path = Field(Path("var/spark"), alias="FRAUD_STREAM_WORK_DIR")
    spark_master: Text = Field("local[2]", alias="SPARK_MASTER")
    driver_memory: Text = Field("1g", alias="FRAUD_STREAM_DRIVER_MEMORY")
    # In a container the published port is bound to the host's loopback, so the process itself listens on all.
    bind_host: Text = Field("127.0.0.1", alias="FRAUD_BIND_HOST")
    ui_port: Port = Field(8090, alias="SPARK_UI_PORT")
    driver_port: Port = Field(8091, alias="SPARK_DRIVER_PORT")
    block_manager_port: Port = Field(8092, alias="SPARK_BLOCK_MANAGER_PORT")
    metrics_port: Port = Field(8093, alias="BRONZE_METRICS_PORT")

    maintenance_hours: float = Field(24, alias="BRONZE_MAINTENANCE_HOURS", gt=0)

    # The two belong together: a backlog is cleared with that many messages of a topic every so often, and no faster.
    max_offsets_per_trigger: int = Field(300_000, alias="BRONZE_MAX_OFFSETS_PER_TRIGGER", ge=1)
    trigger_seconds: Interval = Field(10, alias="BRONZE_TRIGGER", ge=0)

    # where the writer is to kill itself, for tests of what that leaves behind (failpoints.py); nowhere by default
    failpoint: str = Field("", alias="BRONZE_FAILPOINT")

    @field_validator("failpoint")
    @classmethod
    def _is_a_failpoint(cls, text: str) -> str:
        if text:
            failpoints.parse(text)
        return text

    @field_validator("spark_jars_dir")
    @classmethod
    def _holds_jars(cls, folder: Path) -> Path:
        if not any(folder.glob("*.jar")):
            raise ValueError(f"there is no jar in {folder}")
        return folder

    @property
    def scratch(self) -> Path:
        """Emptied at each start: a killed driver leaves its native libraries and blocks behind."""
        return self.work_dir.resolve() / "scratch"


class RestoreSettings(WriterSettings, AuditSettings):
    """What writing a checkpoint anew needs: the writer's own rights and its Spark."""


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """Read ``settings`` from the environment.

    Raises:
        SettingsError: a variable is missing, empty or wrong; the message names the first one and the remedy.
    """
    try:
        return settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else settings.__name__
        reason = (
            "is missing or empty" if first["type"] in ("missing", "string_too_short", "too_short") else first["msg"]
        )
        raise SettingsError(
            f"{name}: {reason}; `make setup` writes it to .env, "
            'and `eval "$(fraud-native env)"` brings .env into a shell'
        ) from None
