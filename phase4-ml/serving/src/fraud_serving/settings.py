"""Every setting of the serving processes, read from the environment by the names of ``.env.example``."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraud_contracts import LOGINS, TRANSACTIONS
from fraud_serving.errors import SettingsError

# Values that people leave in a configuration: a service that accepts them is open to anyone.
KNOWN_DEFAULTS = frozenset(
    {
        "admin",
        "api-key",
        "apikey",
        "change-me",
        "change_me",
        "changeit",
        "changeme",
        "default",
        "demo",
        "dev",
        "development",
        "example",
        "fraud",
        "letmein",
        "minioadmin",
        "none",
        "null",
        "password",
        "postgres",
        "qwerty",
        "redis",
        "root",
        "secret",
        "test",
        "token",
        "your-api-key",
    }
)
API_KEY_MIN_LENGTH = 16


class Settings(BaseSettings):
    """Settings of all serving commands; each command names what it cannot do without by :meth:`require`."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore")

    bind_host: str = Field(default="127.0.0.1", validation_alias="FRAUD_BIND_HOST")
    api_port: int = Field(default=8000, validation_alias="API_PORT")
    api_key: SecretStr = Field(default=SecretStr(""), validation_alias="FRAUD_SERVING_API_KEY")
    workers: int = Field(default=1, validation_alias="FRAUD_SERVING_WORKERS", ge=1, le=64)
    var_dir: Path = Field(default=Path("var"), validation_alias="FRAUD_STATE_DIR")

    mlflow_tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    model_poll_seconds: float = Field(default=10.0, validation_alias="FRAUD_SERVING_MODEL_POLL_SECONDS", gt=0)

    redis_host: str = Field(default="", validation_alias="REDIS_HOST")
    redis_port: int = Field(default=6379, validation_alias="REDIS_CONNECT_PORT")
    redis_password: SecretStr = Field(default=SecretStr(""), validation_alias="REDIS_PASSWORD")
    # A local round trip takes well under 1 ms; 50 ms leaves room for a busy machine and still bounds the answer.
    redis_timeout_ms: float = Field(default=50.0, validation_alias="FRAUD_SERVING_REDIS_TIMEOUT_MS", gt=0)

    postgres_host: str = Field(default="", validation_alias="POSTGRES_HOST")
    postgres_port: int = Field(default=5432, validation_alias="POSTGRES_CONNECT_PORT")
    database: str = Field(default="fraud", validation_alias="FRAUD_DB_NAME")
    owner_password: SecretStr = Field(default=SecretStr(""), validation_alias="FRAUD_DB_PASSWORD")
    api_db_password: SecretStr = Field(default=SecretStr(""), validation_alias="FRAUD_API_DB_PASSWORD")
    db_pool_size: int = Field(default=8, validation_alias="FRAUD_SERVING_DB_POOL_SIZE", ge=1)
    # How long a payment may wait for the record store before the answer is 503.
    db_timeout_seconds: float = Field(default=2.0, validation_alias="FRAUD_SERVING_DB_TIMEOUT_SECONDS", gt=0)

    kafka_bootstrap_servers: str = Field(default="", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    schema_registry_url: str = Field(default="", validation_alias="SCHEMA_REGISTRY_URL")
    feature_writer_group: str = Field(
        default="feature-writer", validation_alias="FRAUD_SERVING_FEATURE_WRITER_GROUP", min_length=1
    )
    # Another topic than the contract's has its own group and its own mark in Redis; tests use that.
    feature_writer_topic: str = Field(
        default=TRANSACTIONS.name, validation_alias="FRAUD_SERVING_FEATURE_WRITER_TOPIC", min_length=1
    )
    feature_writer_logins_topic: str = Field(
        default=LOGINS.name, validation_alias="FRAUD_SERVING_FEATURE_WRITER_LOGINS_TOPIC", min_length=1
    )
    feature_writer_metrics_port: int = Field(default=8094, validation_alias="FEATURE_WRITER_METRICS_PORT")

    trino_url: str = Field(default="", validation_alias="TRINO_URL")
    trino_user: str = Field(default="dbt", validation_alias="FRAUD_SERVING_TRINO_USER")

    def require(self, *names: str) -> Self:
        """Returns these settings once every named one has a value.

        Raises:
            SettingsError: a setting is empty or a secret is one that everybody knows.
        """
        for name in names:
            value = getattr(self, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            variable = type(self).model_fields[name].validation_alias
            if not text.strip():
                raise SettingsError(
                    f"{variable} is empty: run `make setup`, which writes .env, and start by the launcher"
                )
            if isinstance(value, SecretStr) and text.strip().lower() in KNOWN_DEFAULTS:
                raise SettingsError(
                    f"{variable} is a value that everybody knows: delete its line from .env and run `make setup`"
                )
        return self

    def require_api_key(self) -> Self:
        """Like :meth:`require` for the bearer key, which also has to be long enough not to be guessed.

        Raises:
            SettingsError: the key is empty, well known or too short.
        """
        self.require("api_key")
        if len(self.api_key.get_secret_value()) < API_KEY_MIN_LENGTH:
            raise SettingsError(
                f"FRAUD_SERVING_API_KEY is shorter than {API_KEY_MIN_LENGTH} characters: "
                "empty its line in .env and run `make setup`, which fills it with a random one"
            )
        return self
