"""The small demo that every cross-phase test looks at: run once per session, on the test stack."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fraud_native.trino_client import connect

ROOT = Path(__file__).parents[1]
# a fixed end: the same history, the same model and the same figures in every run
END = "2026-10-01T12:00:00Z"


@dataclass(frozen=True)
class Demo:
    """The finished demo: its stack, its report and ways to ask the stores about it."""

    stack: Any
    report: dict[str, Any]

    def trino(self, sql: str) -> list[list[Any]]:
        with connect(self.stack.env) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def postgres(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        env = self.stack.env
        with psycopg.connect(
            host=env["POSTGRES_HOST"],
            port=env["POSTGRES_CONNECT_PORT"],
            dbname="fraud",
            user="fraud_reader",
            password=env["FRAUD_READER_DB_PASSWORD"],
        ) as connection:
            return list(connection.execute(sql, parameters or None).fetchall())

    def run_pipeline(self) -> None:
        """Runs fraud_pipeline once more, through Airflow's REST API."""
        from fraud_native.demo.airflow import Airflow

        env = self.stack.env
        with Airflow(env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]) as airflow:
            airflow.wait_for_dag("fraud_pipeline", 60)
            airflow.wait("fraud_pipeline", airflow.trigger("fraud_pipeline"), 600, print)


@pytest.fixture(scope="session")
def demo(stack: Any) -> Demo:
    """Runs `demo` small: 60 days of 800 users, 60,000 payments, 20 seconds of live traffic."""
    command = [
        *(str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", "demo", "--fresh", "--end", END),
        *("--customers", "800", "--transactions", "60000", "--fraud-rate", "0.05", "--live-seconds", "20"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    print(done.stdout[-20000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return Demo(stack, json.loads((ROOT / "var/test/reports/demo.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def predict(demo: Demo) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Posts one payment to the running API and returns the answer."""
    import httpx

    env = demo.stack.env

    def post(body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{env['API_URL']}/predict", json=body, headers={"Authorization": f"Bearer {env['FRAUD_SERVING_API_KEY']}"}
        )
        answer.raise_for_status()
        decision: dict[str, Any] = answer.json()
        return decision

    return post
