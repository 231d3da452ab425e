"""Settings from the environment, by the names of .env.example."""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraud_producer.errors import SettingsError
from fraud_producer.pan import CardHasher
from fraud_producer.simulator.config import MAX_KIND_RATE

# Flags whose names are shorter than their variable's.
_FLAGS: Final = {
    "transaction_rate": "--rate",
    "customer_pool_size": "--customers",
    "fraud_producer_seed": "--seed",
    "minute_tick_enabled": "--minute-tick",
}
_REMEDY = "run `make setup`, which writes .env, and start commands through make or the launcher"


class Settings(BaseSettings):
    """Everything the producer reads from the environment."""

    model_config = SettingsConfigDict(extra="ignore", str_strip_whitespace=True)

    kafka_bootstrap_servers: str = Field(min_length=1)
    schema_registry_url: str = Field(min_length=1)
    fraud_producer_pan_key: SecretStr = Field(min_length=16)
    fraud_producer_pan_key_id: str = Field("k1", pattern="^[a-z0-9]{1,8}$")
    fraud_producer_ledger_dir: Path = Path("var/ledger")
    fraud_producer_seed: int = Field(7, ge=0)
    fraud_rate: float = Field(0.01, ge=0, le=0.2)
    customer_pool_size: int = Field(2000, ge=10, le=1_000_000)
    # live payments per second of the wall clock; the other kinds come along as they do in life
    transaction_rate: float = Field(100.0, gt=0, le=100_000)
    # from which amount a transfer has to be reported
    structuring_threshold: float = Field(10_000.0, ge=100, le=1_000_000)
    # weights of scenarios by name, which replace the usual ones
    scenario_shares: dict[str, float] = Field(default_factory=dict)
    # factors on the natural number of each kind's honest events; 0 sends none of the kind
    login_rate: float = Field(1.0, ge=0, le=MAX_KIND_RATE)
    card_rate: float = Field(1.0, ge=0, le=MAX_KIND_RATE)
    kyc_rate: float = Field(1.0, ge=0, le=MAX_KIND_RATE)
    alert_rate: float = Field(1.0, ge=0, le=MAX_KIND_RATE)
    # who looks at live payments as they are sent, and how many of them may wait for that; 0 workers is nobody
    alert_workers: int = Field(2, ge=0, le=32)
    alert_queue_size: int = Field(1000, ge=1, le=1_000_000)
    minute_tick_enabled: bool = False
    fraud_bind_host: str = "127.0.0.1"
    producer_metrics_port: int = 8095

    def card_hasher(self) -> CardHasher:
        """The hasher of card numbers with this deployment's key."""
        key = self.fraud_producer_pan_key.get_secret_value().encode("utf-8")
        return CardHasher(key, self.fraud_producer_pan_key_id)

    def with_flags(self, **given: Any) -> Self:
        """These settings with those that were given as flags; None was not given.

        Raises:
            SettingsError: a value is out of its range; the message names its flag.
        """
        chosen = {name: value for name, value in given.items() if value is not None}
        try:
            return type(self).model_validate(self.model_dump() | chosen)
        except ValidationError as invalid:
            raise SettingsError(_flag_sentence(invalid)) from None


class ApiSettings(BaseSettings):
    """What is needed to post payments to the scoring API."""

    model_config = SettingsConfigDict(extra="ignore", str_strip_whitespace=True)

    api_url: str = Field(min_length=1)
    fraud_serving_api_key: SecretStr = Field(min_length=1)


@cache
def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a variable is missing, empty or wrong; the message names the first one.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # its values come from the environment
    except ValidationError as invalid:
        raise SettingsError(_sentence(invalid)) from None


def load_api_settings(url: str | None = None, key_variable: str = "FRAUD_SERVING_API_KEY") -> ApiSettings:
    """Address and key of the scoring API; ``url`` and the variable that holds the key may differ from the usual.

    Raises:
        SettingsError: one of them is missing or empty.
    """
    try:
        given = {"api_url": url} if url else {}
        if key_variable != "FRAUD_SERVING_API_KEY":
            given["fraud_serving_api_key"] = os.environ.get(key_variable, "")
        return ApiSettings.model_validate(given)
    except ValidationError as invalid:
        raise SettingsError(_sentence(invalid)) from None


def flag_of(setting: str) -> str:
    """The flag of the command line that overrules a setting."""
    return _FLAGS.get(setting) or "--" + setting.replace("_", "-")


def _flag_sentence(invalid: ValidationError) -> str:
    first = invalid.errors(include_url=False)[0]
    must = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{flag_of(str(first['loc'][0]))} is {first['input']}: it must be {must}"


def _sentence(invalid: ValidationError) -> str:
    """One sentence about the first wrong variable; it never repeats a value, which may be a secret."""
    first = invalid.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]).upper()
    problem = "is missing" if first["type"] == "missing" else f"is empty or wrong ({first['msg'].lower()})"
    return f"{name} {problem}: {_REMEDY}"
