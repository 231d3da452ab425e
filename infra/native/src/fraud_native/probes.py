"""Readiness probes: each asks a service the question that its clients will ask."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fraud_native.interpolation import interpolate
from fraud_native.native_env import LOOPBACK
from fraud_native.trino_client import connect

# of one attempt: a service that needs longer to answer is not ready
_TIMEOUT_SECONDS = 5.0


class Probe(Protocol):
    """Says whether a service answers; raising is a way of saying no."""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:
        """Asks once. ``started_at`` is when the process was started, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Http:
    """Every URL answers 200, and ``contains`` stands in the last answer."""

    urls: tuple[str, ...]
    contains: str = ""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:  # noqa: ARG002
        import httpx  # noqa: PLC0415 - clients are loaded only for the services that run

        text = ""
        for url in self.urls:
            answer = httpx.get(interpolate(url, variables), timeout=_TIMEOUT_SECONDS)
            if answer.status_code != httpx.codes.OK:
                return False
            text = answer.text
        return self.contains in text


@dataclass(frozen=True, slots=True)
class Tcp:
    """Something accepts connections on the port that a variable names."""

    port_variable: str

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:  # noqa: ARG002
        with socket.create_connection((LOOPBACK, int(variables[self.port_variable])), timeout=_TIMEOUT_SECONDS):
            return True


@dataclass(frozen=True, slots=True)
class Postgres:
    """The administrator can sign in."""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:  # noqa: ARG002
        import psycopg  # noqa: PLC0415

        with psycopg.connect(
            host=LOOPBACK,
            port=int(variables["POSTGRES_PORT"]),
            user="postgres",
            password=variables["POSTGRES_PASSWORD"],
            dbname="postgres",
            connect_timeout=int(_TIMEOUT_SECONDS),
        ):
            return True


@dataclass(frozen=True, slots=True)
class Redis:
    """The server answers PING; while it still loads its file it does not."""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:  # noqa: ARG002
        import redis  # noqa: PLC0415

        client = redis.Redis(
            host=LOOPBACK,
            port=int(variables["REDIS_PORT"]),
            password=variables["REDIS_PASSWORD"],
            socket_timeout=_TIMEOUT_SECONDS,
        )
        try:
            return bool(client.ping())
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class Kafka:
    """The broker lists its topics."""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415

        # librdkafka says on standard error that nobody listens yet: ask only when somebody does
        Tcp("KAFKA_PORT").ready(variables, started_at)
        admin = AdminClient({"bootstrap.servers": variables["KAFKA_BOOTSTRAP_SERVERS"], "log_level": 2})
        return bool(admin.list_topics(timeout=_TIMEOUT_SECONDS).brokers)


@dataclass(frozen=True, slots=True)
class Trino:
    """The server has ended its start and runs a query."""

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:
        if not Http(("${TRINO_URL}/v1/info",), '"starting":false').ready(variables, started_at):
            return False
        connection = connect(variables, timeout_seconds=_TIMEOUT_SECONDS)
        rows = connection.cursor().execute("SELECT 1").fetchall()
        return bool(rows == [[1]])


@dataclass(frozen=True, slots=True)
class AirflowJob:
    """Airflow's own health report shows a heartbeat of this job that is younger than its process."""

    job: str

    def ready(self, variables: Mapping[str, str], started_at: float) -> bool:
        import httpx  # noqa: PLC0415

        answer = httpx.get(f"{variables['AIRFLOW_URL']}/api/v2/monitor/health", timeout=_TIMEOUT_SECONDS)
        report = json.loads(answer.raise_for_status().text)[self.job]
        heartbeat = report[f"latest_{self.job}_heartbeat"]
        return report["status"] == "healthy" and datetime.fromisoformat(heartbeat).timestamp() >= started_at
