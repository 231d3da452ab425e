import pytest
import redis
from confluent_kafka import KafkaError, KafkaException
from typer.testing import CliRunner

from fraud_serving import backlog
from fraud_serving.cli import app
from fraud_serving.failures import explain
from fraud_serving.settings import Settings

# Nothing listens there, and asking takes no time.
NOWHERE = {
    "REDIS_HOST": "127.0.0.1",
    "REDIS_CONNECT_PORT": "1",
    "REDIS_PASSWORD": "a-password-of-tests",
    "TRINO_URL": "http://127.0.0.1:1",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_CONNECT_PORT": "1",
    "FRAUD_DB_PASSWORD": "a-password-of-tests",
    "FRAUD_API_DB_PASSWORD": "a-password-of-tests",
    "FRAUD_SERVING_API_KEY": "a-key-of-tests-long-enough",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
}


@pytest.mark.parametrize(
    ("command", "change", "begins", "remedy"),
    [
        ("redis-features", {}, "Redis does not answer", "`make start SERVICE=redis`"),
        ("backlog", {}, "Redis does not answer", "`make start SERVICE=redis`"),
        ("push-features", {}, "Trino does not answer at http://127.0.0.1:1", "`make start SERVICE=trino`"),
        ("push-features", {"TRINO_URL": "nowhere"}, "TRINO_URL is no address", ".env"),
        ("migrate", {}, "PostgreSQL refused or did not answer", "`make start SERVICE=postgres`"),
        ("redis-features", {"REDIS_CONNECT_PORT": "abc"}, "REDIS_CONNECT_PORT is wrong", "correct it in .env"),
        ("api", {"FRAUD_SERVING_WORKERS": "0"}, "FRAUD_SERVING_WORKERS is wrong", "correct it in .env"),
        (
            "api",
            {"FRAUD_FEATURES_PROFILE_LAG_HOURS": "24"},
            "FRAUD_FEATURES_PROFILE_LAG_HOURS must be at most 23",
            "correct it in .env",
        ),
        ("feature-writer", {"REDIS_HOST": ""}, "REDIS_HOST is empty", "`make setup`"),
    ],
)
def test_what_is_away_or_wrong_is_one_sentence(command: str, change: dict[str, str], begins: str, remedy: str) -> None:
    done = CliRunner().invoke(app, [command], env={**NOWHERE, **change})
    assert done.exit_code == 1, done.exception
    assert done.stderr.startswith(f"fraud-serving: {begins}")
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "a-password-of-tests" not in done.stderr


def test_a_wrong_password_and_a_broker_that_is_away_have_a_remedy_too() -> None:
    assert "password" in str(explain(redis.AuthenticationError("WRONGPASS")))
    assert "SERVICE=kafka" in str(explain(KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))))


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Settings, __: float) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(backlog, "wait_for_backlog", broken)
    with pytest.raises(KeyError):
        CliRunner().invoke(app, ["backlog"], env=NOWHERE, catch_exceptions=False)


@pytest.mark.parametrize(("lag", "caught_up", "done"), [(0, True, True), (0, False, False), (3, True, False)])
def test_nothing_is_left_when_offsets_and_redis_say_so(lag: int, caught_up: bool, done: bool) -> None:
    assert backlog.is_done({"lag": lag, "caught_up": caught_up}) == done


def test_a_trino_that_goes_away_in_between_is_one_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr("trino.dbapi.Cursor.fetchmany", gone)
    monkeypatch.setattr("trino.dbapi.Cursor.execute", lambda *_: None)
    done = CliRunner().invoke(app, ["push-features"], env=NOWHERE)
    assert (done.exit_code, "Trino does not answer" in done.stderr) == (1, True)
