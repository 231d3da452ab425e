"""The running test stack: what it listens on, how it comes back, and that a second bring-up changes nothing."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from fraud_native.paths import Stack
from fraud_native.supervision import Supervisor

pytestmark = pytest.mark.integration

STACK = Stack("test")


def plain_status(stack: Any) -> dict[str, list[str]]:
    return {(words := line.split())[0]: words[1:] for line in stack.launcher("status", "--plain").splitlines()}


def test_nothing_listens_beyond_loopback(stack: Any) -> None:
    # the producer and Superset start later, for phase 5's tests, which look again
    stack.need("airflow-scheduler", "airflow-dag-processor", "bronze-writer", "feature-writer", "api", "lakehouse-init")
    stack.need("prometheus", "alertmanager", "lag-exporter", "statsd-exporter")
    stack.need("redis-exporter", "postgres-exporter", "node-exporter")
    stack.assert_loopback_only(
        *("KAFKA_PORT", "POSTGRES_PORT", "TRINO_PORT", "MINIO_PORT", "AIRFLOW_PORT", "MLFLOW_PORT", "API_PORT"),
        *("PROMETHEUS_PORT", "ALERTMANAGER_PORT", "KAFKA_JMX_PORT", "NODE_EXPORTER_PORT", "STATSD_PORT"),
    )


def test_a_second_bring_up_leaves_everything_running_and_is_quick(stack: Any) -> None:
    stack.need("trino", "redis")
    before = plain_status(stack)
    began = time.monotonic()
    said = stack.launcher("up", "trino", "redis")
    assert time.monotonic() - began < 15
    assert all(line.endswith("already") for line in said.splitlines())
    assert plain_status(stack) == before


def test_a_killed_service_comes_back_with_its_data_and_status_shows_the_restart(stack: Any) -> None:
    stack.need("redis")
    supervisor = Supervisor(STACK)
    before, restarts = supervisor.state("redis").pid, int(plain_status(stack)["redis"][3])
    stack.kill("redis")
    stack.launcher("up", "redis")
    _, _, pid, restarts_now, port = plain_status(stack)["redis"]
    assert int(pid) not in (0, before)
    assert int(restarts_now) == restarts + 1
    assert port == stack.env["REDIS_PORT"]


def test_one_service_is_stopped_and_started_by_name_and_no_other(stack: Any) -> None:
    stack.need("redis", "postgres")
    before = plain_status(stack)
    stack.stop("redis")
    stopped = plain_status(stack)
    assert stopped["redis"][0] == "STOPPED"
    stack.start("redis")
    after = plain_status(stack)
    assert after["redis"][0] == "RUNNING"
    assert stopped["postgres"] == before["postgres"] == after["postgres"]


def test_the_record_of_components_names_version_and_seconds(stack: Any) -> None:
    stack.need("postgres", "redis")
    entries = json.loads((STACK.run / "components.json").read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in entries}
    assert by_name["postgres"]["version"].startswith("15.")
    assert by_name["redis"]["seconds_to_healthy"] > 0
    assert "postgres-init" not in by_name, "one-shots are not components"


def test_status_shows_addresses_users_and_where_passwords_are_but_no_password(stack: Any) -> None:
    stack.need("minio", "kafka")
    shown = stack.launcher("status")
    assert f"http://127.0.0.1:{stack.env['MINIO_CONSOLE_PORT']}" in shown
    assert "MINIO_ROOT_PASSWORD in " in shown
    assert "transactions.raw" in shown
    secrets = [v for name, v in stack.env.items() if name.endswith(("_PASSWORD", "_SECRET", "_KEY")) and len(v) > 20]
    assert not [secret for secret in secrets if secret in shown]


def test_files_that_hold_secrets_are_readable_by_their_owner_only(stack: Any) -> None:
    stack.need("redis")
    files = [STACK.env_file, STACK.data("redis") / "redis.conf", *(STACK.run / "services").glob("*.json")]
    assert len(files) > 2, "no specification was found"
    assert [file for file in files if Path(file).stat().st_mode & 0o077] == []
