"""A missing or empty variable stops the start with one sentence that names it."""

import pytest

from fraud_producer.errors import SettingsError
from fraud_producer.settings import load_api_settings, load_settings

GOOD = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/apis/ccompat/v7",
    "FRAUD_PRODUCER_PAN_KEY": "a secret of enough characters",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings.cache_clear()
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_the_names_of_env_example_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSACTION_RATE", "12.5")
    monkeypatch.setenv("CUSTOMER_POOL_SIZE", "77")
    settings = load_settings()
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert (settings.transaction_rate, settings.customer_pool_size) == (12.5, 77)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named_with_the_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=rf"^{name} is missing: run `make setup`"):
        load_settings()


@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_empty_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    with pytest.raises(SettingsError, match=rf"^{name} is empty or wrong"):
        load_settings()


def test_a_short_key_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_PRODUCER_PAN_KEY", "hunter2")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_the_key_is_not_shown() -> None:
    assert GOOD["FRAUD_PRODUCER_PAN_KEY"] not in repr(load_settings())


def test_api_settings_may_come_from_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "abc")
    api = load_api_settings("http://127.0.0.1:1", "OTHER_KEY")
    assert (api.api_url, api.fraud_serving_api_key.get_secret_value()) == ("http://127.0.0.1:1", "abc")


def test_a_missing_api_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_SERVING_API_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"^FRAUD_SERVING_API_KEY is missing"):
        load_api_settings("http://127.0.0.1:1")
