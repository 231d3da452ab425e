import pytest
from pydantic import SecretStr

from fraud_serving.errors import SettingsError
from fraud_serving.settings import Settings


def settings(**values: str) -> Settings:
    return Settings.model_validate(values)


def test_an_empty_setting_names_its_variable_and_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"POSTGRES_HOST is empty: run `make setup`"):
        settings(POSTGRES_HOST=" ").require("postgres_host")


@pytest.mark.parametrize("key", ["", "changeme", "SECRET", "Password", "short-but-own"])
def test_an_unsafe_bearer_key_stops_the_start(key: str) -> None:
    with pytest.raises(SettingsError, match="FRAUD_SERVING_API_KEY"):
        settings(FRAUD_SERVING_API_KEY=key).require_api_key()


def test_a_random_key_is_accepted_and_never_printed() -> None:
    accepted = settings(FRAUD_SERVING_API_KEY="f3a9c1d27b5e48a0").require_api_key()
    assert isinstance(accepted.api_key, SecretStr)
    assert "f3a9" not in repr(accepted)
