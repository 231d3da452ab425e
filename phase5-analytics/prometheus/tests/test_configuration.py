"""prometheus.yml as start.sh renders it: complete, valid, and with an address of this stack for every job."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_native import definition
from fraud_native.envfile import ensure_env_file
from fraud_native.native_env import native_env
from fraud_native.paths import Stack
from fraud_native.process_spec import Component
from fraud_native.services import NATIVE

FOLDER = Path(__file__).parents[1]
RENDER = FOLDER.parent / "render.awk"
# what rules, dashboards and runbooks call them
PORTS = {
    "api": "API_PORT",
    "producer": "PRODUCER_METRICS_PORT",
    "bronze-writer": "BRONZE_METRICS_PORT",
    "feature-writer": "FEATURE_WRITER_METRICS_PORT",
    "kafka-exporter": "LAG_EXPORTER_PORT",
    "kafka": "KAFKA_JMX_PORT",
    "redis": "REDIS_EXPORTER_PORT",
    "postgres": "POSTGRES_EXPORTER_PORT",
    "minio": "MINIO_PORT",
    "trino": "TRINO_PORT",
    "airflow": "STATSD_EXPORTER_PORT",
    "node": "NODE_EXPORTER_PORT",
    "prometheus": "PROMETHEUS_PORT",
    "alertmanager": "ALERTMANAGER_PORT",
}


def component(name: str) -> Component:
    stack = Stack("test")
    ensure_env_file(stack)
    return Component(definition.services()[name], NATIVE[name], stack, native_env(stack))


def started(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs start.sh with `true` in Prometheus' place: the rendered file is what is wanted."""
    return subprocess.run(
        ["/bin/sh", str(FOLDER / "start.sh")],
        env={**environment, "PATH": os.environ["PATH"], "PROMETHEUS": "true", "PROMETHEUS_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    environment = component("prometheus").environment() | {"PROMETHEUS_RULES_DIR": str(FOLDER / "rules")}
    done = started(environment, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "prometheus.yml"


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in yaml.safe_load(file.read_text(encoding="utf-8"))["scrape_configs"]}


def test_prometheus_accepts_the_configuration_and_every_rule_of_it(rendered: Path) -> None:
    done = subprocess.run(["promtool", "check", "config", str(rendered)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for rules in (FOLDER / "rules").glob("*.yml"):
        assert f"Checking {rules}" in done.stdout


def test_every_job_asks_its_own_port_on_loopback(rendered: Path) -> None:
    stack = native_env(Stack("test"))
    asked = {name: job["static_configs"][0]["targets"] for name, job in jobs(rendered).items()}
    assert asked == {job: [f"127.0.0.1:{stack[port]}"] for job, port in PORTS.items()}


def test_what_prometheus_can_read_is_for_its_owner_only(rendered: Path) -> None:
    assert rendered.stat().st_mode & 0o077 == 0


def test_of_trino_only_what_is_named_is_asked(rendered: Path) -> None:
    assert len(jobs(rendered)["trino"]["params"]["name[]"]) > 10


def test_the_test_stack_does_not_wait_for_the_next_scrape(rendered: Path) -> None:
    settings = yaml.safe_load(rendered.read_text(encoding="utf-8"))["global"]
    assert settings == {"scrape_interval": "2s", "evaluation_interval": "2s"}


def test_a_variable_that_is_missing_stops_the_start_and_is_named(tmp_path: Path) -> None:
    environment = component("prometheus").environment()
    del environment["NODE_EXPORTER_TARGET"]
    done = started(environment, tmp_path)
    assert done.returncode != 0
    assert "NODE_EXPORTER_TARGET is not set" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: ${A}-${B}\n", "a: 1-2 & \\0\n"),
        ("list:\n  - ${NOTHING} # ${A}\nend\n", "list:\nend\n"),
        ("$A ${a} $${A} {{ $labels.x }}\n", "$A ${a} $1 {{ $labels.x }}\n"),
    ],
)
def test_a_template_is_filled_in_and_a_line_of_which_nothing_is_wanted_left_out(text: str, expected: str) -> None:
    done = subprocess.run(
        ["awk", "-f", str(RENDER)],
        input=text,
        env={"PATH": os.environ["PATH"], "A": "1", "B": "2 & \\0", "NOTHING": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == expected


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:29099/alerts"])
def test_alertmanager_accepts_its_configuration_with_a_receiver_and_without(tmp_path: Path, url: str) -> None:
    environment = component("alertmanager").environment() | {"ALERT_WEBHOOK_URL": url}
    done = subprocess.run(
        ["/bin/sh", str(FOLDER.parent / "alertmanager" / "start.sh")],
        env={
            **environment,
            "PATH": os.environ["PATH"],
            "ALERTMANAGER": "true",
            "ALERTMANAGER_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    file = tmp_path / "alertmanager.yml"
    checked = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    receivers = yaml.safe_load(file.read_text(encoding="utf-8"))["receivers"]
    assert [one["url"] for receiver in receivers for one in receiver["webhook_configs"] or ()] == [url] * bool(url)
