"""Every missing or unusable setting is one sentence that names it and says what to do."""

from pathlib import Path

import pytest

from fraud_stream.errors import SettingsError
from fraud_stream.session import spark_config
from fraud_stream.settings import PlatformSettings, WriterSettings, load

KEY = "00112233445566778899aabbccddeeff" * 2
SECRET = "a-long-enough-secret"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    (tmp_path / "one.jar").touch()
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/apis/ccompat/v7",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9000",
        "SPARK_S3_ACCESS_KEY": "fraud-spark",
        "SPARK_S3_SECRET_KEY": SECRET,
        "FRAUD_STREAM_QUARANTINE_KEY": KEY,
        "FRAUD_SPARK_JARS_DIR": str(tmp_path),
        "TRINO_URL": "http://127.0.0.1:8085",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_a_complete_environment_loads() -> None:
    settings = load(WriterSettings)
    assert settings.quarantine_key_bytes == bytes.fromhex(KEY)
    assert (settings.vacuum_retention_days, settings.max_offsets_per_trigger) == (30, 300_000)
    assert load(PlatformSettings).freshness_bound_seconds == 120


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", ""),
        ("SPARK_S3_SECRET_KEY", ""),
        ("SPARK_S3_SECRET_KEY", "short"),
        ("FRAUD_STREAM_QUARANTINE_KEY", "not hexadecimal at all"),
        ("FRAUD_STREAM_QUARANTINE_KEY", "0011223344"),
        ("FRAUD_SPARK_JARS_DIR", "/nowhere"),
        ("BRONZE_METRICS_PORT", "0"),
        ("FRAUD_STREAM_NAMESPACE", "Not A Name"),
        ("BRONZE_TRIGGER", "soon"),
        ("BRONZE_TRIGGER", "-1s"),
        ("BRONZE_TRIGGER", "10 h"),
        ("BRONZE_MAX_OFFSETS_PER_TRIGGER", "0"),
        ("BRONZE_FAILPOINT", "after-lunch"),
    ],
)
def test_an_unusable_setting_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        load(WriterSettings)
    message = str(refusal.value)
    assert message.startswith(f"{name}: ")
    assert "make setup" in message
    assert not value or value not in message or name == "FRAUD_SPARK_JARS_DIR"


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("500ms", 0.5), ("1min", 60), ("2", 2), (" 1.5 s ", 1.5), ("0", 0)]
)
def test_the_trigger_has_a_unit(environment: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    environment.setenv("BRONZE_TRIGGER", text)
    assert load(WriterSettings).trigger_seconds == pytest.approx(seconds)


@pytest.mark.usefixtures("environment")
def test_bronze_looks_for_messages_every_ten_seconds_unless_told_otherwise() -> None:
    assert load(WriterSettings).trigger_seconds == 10


@pytest.mark.usefixtures("environment")
def test_no_secret_is_a_spark_property() -> None:
    settings = load(WriterSettings)
    text = repr(spark_config(settings)) + repr(settings)
    assert SECRET not in text
    assert KEY not in text


@pytest.mark.usefixtures("environment")
def test_spark_listens_only_where_it_is_told() -> None:
    config = spark_config(load(WriterSettings))
    assert config["spark.driver.bindAddress"] == "127.0.0.1"
    assert config["spark.port.maxRetries"] == "0"
    assert {config[f"spark.{port}.port"] for port in ("ui", "driver", "driver.blockManager")} == {
        "8090",
        "8091",
        "8092",
    }
