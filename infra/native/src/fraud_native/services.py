"""How each compose service runs as an ordinary process: what the compose file cannot say.

Commands and environments are texts with variables: those of the stack (:mod:`fraud_native.native_env`) and the tool
paths of :mod:`fraud_native.tool_paths`. A service without a ``command`` runs the compose file's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fraud_native import prepare
from fraud_native.native_env import LOOPBACK
from fraud_native.prepare import Setting
from fraud_native.probes import AirflowJob, Http, Kafka, Postgres, Probe, Redis, Tcp, Trino


@dataclass(frozen=True, slots=True)
class Login:
    """Where a person looks at a service: its address, the user, and where the password is (never the password)."""

    url: str = ""
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Native:
    """The native side of one service.

    ``version`` is a text with variables, ``package:NAME`` for a Python distribution, ``airflow:NAME`` or
    ``superset:NAME`` for one of that tool's environment, or ``program:VARIABLE`` for a program that is asked with
    ``--version``.
    """

    version: str
    probe: Probe | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Setting], None] | None = None
    # variables of the ports it opens besides the ones that compose publishes
    ports: tuple[str, ...] = ()
    # system user that the process becomes when it is started as root
    user: str | None = None
    # needed tools, by variable: checked before anything starts
    tools: tuple[str, ...] = ()
    # generous: a service that ends by itself is noticed at once, a slow machine is no error
    ready_seconds: int = 600
    # a bring-up of its phase goes on without it while its tools are missing; asked for by name, it is an error
    optional: bool = False
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    login: Login = Login()


# halves the processor time of a start; these servers do too little work for the optimising compiler to pay off
_QUICK_START: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# what the host tells; the container's list in docker-compose.yml is the same
NODE_COLLECTORS: Final = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "uname", "vmstat")
NO_DATA_FILE_SYSTEMS: Final = "^(autofs|cgroup2?|devpts|devtmpfs|fuse.*|mqueue|nsfs|proc|squashfs|sysfs|tmpfs)$$"


def _airflow(probe: Probe | None, *, ports: tuple[str, ...] = (), login: Login = Login()) -> Native:
    return Native(
        version="airflow:apache-airflow",
        probe=probe,
        environment={
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": "${AIRFLOW_PORT}",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_HOST": LOOPBACK,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "${AIRFLOW_WORKER_LOG_PORT}",
        },
        ports=ports,
        tools=("AIRFLOW_COMMANDS",),
        stop_seconds=30,
        login=login,
    )


def _superset(probe: Probe | None, *, login: Login = Login()) -> Native:
    return Native(
        version="superset:apache-superset",
        probe=probe,
        environment={"SUPERSET_HOME": "${DATA}"},
        tools=("SUPERSET_COMMANDS",),
        login=login,
    )


NATIVE: Final[Mapping[str, Native]] = {
    "postgres": Native(
        version="program:POSTGRES_BIN/postgres",
        probe=Postgres(),
        command=(
            "${POSTGRES_BIN}/postgres",
            *("-D", "${DATA}/data", "-p", "${POSTGRES_PORT}"),
            *("-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="),
            *("-c", "max_connections=150", "-c", "shared_buffers=128MB"),
        ),
        prepare=prepare.init_database,
        user="postgres",
        tools=("POSTGRES_BIN",),
        # INT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost
        stop_signal="INT",
        login=Login("postgresql://127.0.0.1:${POSTGRES_PORT}", "postgres", "POSTGRES_PASSWORD"),
    ),
    "postgres-init": Native(version="program:POSTGRES_BIN/psql", tools=("POSTGRES_BIN",)),
    "kafka": Native(
        version="${KAFKA_VERSION}",
        probe=Kafka(),
        command=(
            "${JAVA17_HOME}/bin/java",
            *("-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError"),
            f"-javaagent:${{JMX_AGENT}}={LOOPBACK}:${{KAFKA_JMX_PORT}}:${{INFRA}}/kafka/jmx.yml",
            "-Dlog4j2.configurationFile=${INFRA}/kafka/log4j2.properties",
            *("-cp", "${KAFKA_JARS}/*", "kafka.Kafka", "${DATA}/server.properties"),
        ),
        environment={
            "KAFKA_LISTENERS": f"INTERNAL://{LOOPBACK}:${{KAFKA_PORT}},CONTROLLER://{LOOPBACK}:${{KAFKA_CONTROLLER_PORT}}",
            "KAFKA_ADVERTISED_LISTENERS": f"INTERNAL://{LOOPBACK}:${{KAFKA_PORT}}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{LOOPBACK}:${{KAFKA_CONTROLLER_PORT}}",
            "KAFKA_LOG_DIRS": "${DATA}/data",
            # the agent stands in the command
            "KAFKA_OPTS": "",
        },
        prepare=prepare.format_broker,
        ports=("KAFKA_CONTROLLER_PORT", "KAFKA_JMX_PORT"),
        tools=("KAFKA_JARS", "JMX_AGENT", "JAVA17_HOME"),
        stop_seconds=40,
        login=Login("127.0.0.1:${KAFKA_PORT}"),
    ),
    "schema-registry": Native(
        version="${APICURIO_VERSION}",
        probe=Http(("http://127.0.0.1:${REGISTRY_MANAGEMENT_PORT}/health/ready", "${SCHEMA_REGISTRY_URL}/subjects")),
        command=("${JAVA25_HOME}/bin/java", "-Xmx256m", *_QUICK_START, "-jar", "${APICURIO_HOME}/quarkus-run.jar"),
        environment={
            "QUARKUS_HTTP_HOST": LOOPBACK,
            "QUARKUS_HTTP_PORT": "${REGISTRY_PORT}",
            "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
            "QUARKUS_MANAGEMENT_PORT": "${REGISTRY_MANAGEMENT_PORT}",
        },
        ports=("REGISTRY_MANAGEMENT_PORT",),
        tools=("APICURIO_HOME", "JAVA25_HOME"),
        login=Login("${SCHEMA_REGISTRY_URL}"),
    ),
    "ingestion-init": Native(version="package:fraud-producer"),
    "producer": Native(
        version="package:fraud-producer",
        probe=Http(("http://127.0.0.1:${PRODUCER_METRICS_PORT}/health",)),
        stop_seconds=40,
        login=Login("http://127.0.0.1:${PRODUCER_METRICS_PORT}/metrics"),
    ),
    "minio": Native(
        version="${MINIO_VERSION}",
        probe=Http(("${S3_ENDPOINT_URL}/minio/health/ready",)),
        command=(
            "${MINIO}",
            *("server", "--quiet", "--address", f"{LOOPBACK}:${{MINIO_PORT}}"),
            *("--console-address", f"{LOOPBACK}:${{MINIO_CONSOLE_PORT}}", "${DATA}/data"),
        ),
        tools=("MINIO",),
        login=Login("http://127.0.0.1:${MINIO_CONSOLE_PORT}", "${MINIO_ROOT_USER}", "MINIO_ROOT_PASSWORD"),
    ),
    "minio-init": Native(version="${MC_VERSION}", environment={"MC": "${MC}"}, tools=("MC",)),
    "bronze-writer": Native(
        version="package:fraud-stream",
        probe=Http(("http://127.0.0.1:${BRONZE_METRICS_PORT}/metrics",)),
        ports=("SPARK_DRIVER_PORT", "SPARK_BLOCK_MANAGER_PORT"),
        tools=("SPARK_JARS", "JAVA17_HOME"),
        # the micro-batch at hand is finished first
        stop_seconds=60,
        login=Login("http://127.0.0.1:${SPARK_UI_PORT}"),
    ),
    "metastore": Native(
        version="${HIVE_METASTORE_VERSION}",
        probe=Tcp("METASTORE_PORT"),
        environment={
            "METASTORE_BIND_HOST": LOOPBACK,
            "METASTORE_URI": "${METASTORE_URI}",
            "METASTORE_HOME": "${METASTORE_HOME}",
            "METASTORE_EXTRA_JARS": "${METASTORE_EXTRA_JARS}",
            "JAVA_HOME": "${JAVA17_HOME}",
        },
        tools=("METASTORE_HOME", "METASTORE_EXTRA_JARS", "JAVA17_HOME"),
        login=Login("${METASTORE_URI}"),
    ),
    "trino": Native(
        version="${TRINO_VERSION}",
        probe=Trino(),
        command=(
            "${JAVA25_HOME}/bin/java",
            "@${INFRA}/trino/etc/jvm.config",
            "-Dconfig=${INFRA}/trino/etc/config.properties",
            "-Dlog.levels-file=${INFRA}/trino/etc/log.properties",
            "-Dcatalog.config-dir=${INFRA}/trino/etc/catalog",
            *("-Dnode.environment=fraud_watch", "-Dnode.id=native", "-Dnode.data-dir=${DATA}/data"),
            "-Dplugin.dir=${TRINO_HOME}/plugin",
            *("-cp", "${TRINO_HOME}/lib/*", "io.trino.server.TrinoServer"),
        ),
        environment={
            "TRINO_BIND_IP": LOOPBACK,
            "TRINO_HTTP_PORT": "${TRINO_PORT}",
            "TRINO_ACCESS_CONTROL_FILE": "${INFRA}/trino/etc/access-control.properties",
            "TRINO_RULES_FILE": "${INFRA}/trino/etc/rules.json",
            "TRINO_DATA_DIR": "${DATA}/data",
        },
        tools=("TRINO_HOME", "JAVA25_HOME"),
        login=Login("${TRINO_URL}", "reader, dbt or trainer", "none: loopback only"),
    ),
    "lakehouse-init": Native(version="package:fraud-stream"),
    "airflow-init": _airflow(None),
    "airflow-api-server": _airflow(
        # the second one is built at its first call: tasks should not wait for that
        Http(("${AIRFLOW_URL}/api/v2/monitor/health", "${AIRFLOW_URL}/execution/health")),
        login=Login("${AIRFLOW_URL}", "${AIRFLOW_ADMIN_USER}", "AIRFLOW_ADMIN_PASSWORD"),
    ),
    "airflow-scheduler": _airflow(AirflowJob("scheduler")),
    "airflow-dag-processor": _airflow(AirflowJob("dag_processor")),
    "mlflow": Native(
        version="package:mlflow",
        probe=Http(("${MLFLOW_TRACKING_URI}/health",)),
        environment={"MLFLOW_HOST": LOOPBACK},
        login=Login("${MLFLOW_TRACKING_URI}", "", "none: loopback only"),
    ),
    "redis": Native(
        version="program:REDIS_SERVER",
        probe=Redis(),
        command=("${REDIS_SERVER}", "${DATA}/redis.conf"),
        prepare=prepare.write_redis_config,
        tools=("REDIS_SERVER",),
        login=Login("redis://127.0.0.1:${REDIS_PORT}", "default", "REDIS_PASSWORD"),
    ),
    "serving-init": Native(version="package:fraud-serving"),
    "feature-writer": Native(
        version="package:fraud-serving",
        probe=Http(("http://127.0.0.1:${FEATURE_WRITER_METRICS_PORT}/metrics",)),
        login=Login("http://127.0.0.1:${FEATURE_WRITER_METRICS_PORT}/metrics"),
    ),
    "api": Native(
        version="package:fraud-serving",
        probe=Http(("${API_URL}/health",)),
        login=Login("${API_URL}/docs", "bearer key", "make -s api-key"),
    ),
    "superset-init": _superset(None),
    "superset": _superset(
        # the first says OK while every page is a 500
        Http(("${SUPERSET_URL}/health", "${SUPERSET_URL}/login/")),
        login=Login("${SUPERSET_URL}", "${SUPERSET_ADMIN_USER}", "SUPERSET_ADMIN_PASSWORD"),
    ),
    "lag-exporter": Native(
        version="package:fraud-stream",
        probe=Http(("http://127.0.0.1:${LAG_EXPORTER_PORT}/metrics",)),
        login=Login("http://127.0.0.1:${LAG_EXPORTER_PORT}/metrics"),
    ),
    "redis-exporter": Native(
        version="program:REDIS_EXPORTER",
        probe=Http(("http://127.0.0.1:${REDIS_EXPORTER_PORT}/health",)),
        command=("${REDIS_EXPORTER}",),
        environment={
            "REDIS_PASSWORD": "${REDIS_METRICS_PASSWORD}",
            "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": f"{LOOPBACK}:${{REDIS_EXPORTER_PORT}}",
        },
        ports=("REDIS_EXPORTER_PORT",),
        tools=("REDIS_EXPORTER",),
        login=Login("http://127.0.0.1:${REDIS_EXPORTER_PORT}/metrics"),
    ),
    "postgres-exporter": Native(
        version="program:POSTGRES_EXPORTER",
        probe=Http(("http://127.0.0.1:${POSTGRES_EXPORTER_PORT}/metrics",), "pg_up 1"),
        command=(
            "${POSTGRES_EXPORTER}",
            f"--web.listen-address={LOOPBACK}:${{POSTGRES_EXPORTER_PORT}}",
            "--disable-settings-metrics",
        ),
        ports=("POSTGRES_EXPORTER_PORT",),
        tools=("POSTGRES_EXPORTER",),
        login=Login("http://127.0.0.1:${POSTGRES_EXPORTER_PORT}/metrics"),
    ),
    "statsd-exporter": Native(
        version="${STATSD_EXPORTER_VERSION}",
        probe=Http(("http://127.0.0.1:${STATSD_EXPORTER_PORT}/-/ready",)),
        command=(
            "${STATSD_EXPORTER}",
            f"--web.listen-address={LOOPBACK}:${{STATSD_EXPORTER_PORT}}",
            *(f"--statsd.listen-udp={LOOPBACK}:${{STATSD_PORT}}", "--statsd.listen-tcp="),
        ),
        ports=("STATSD_EXPORTER_PORT", "STATSD_PORT"),
        tools=("STATSD_EXPORTER",),
        login=Login("http://127.0.0.1:${STATSD_EXPORTER_PORT}/metrics"),
    ),
    "node-exporter": Native(
        version="program:NODE_EXPORTER",
        probe=Http(("http://127.0.0.1:${NODE_EXPORTER_PORT}/",)),
        command=(
            "${NODE_EXPORTER}",
            f"--web.listen-address={LOOPBACK}:${{NODE_EXPORTER_PORT}}",
            *("--web.disable-exporter-metrics", "--collector.disable-defaults"),
            *(f"--collector.{name}" for name in NODE_COLLECTORS),
            # of the file systems only those that hold data, an overlay at the root among them
            "--collector.filesystem.fs-types-exclude=" + NO_DATA_FILE_SYSTEMS,
        ),
        ports=("NODE_EXPORTER_PORT",),
        tools=("NODE_EXPORTER",),
        login=Login("http://127.0.0.1:${NODE_EXPORTER_PORT}/metrics"),
    ),
    "alertmanager": Native(
        version="program:ALERTMANAGER",
        probe=Http(("${ALERTMANAGER_URL}/-/ready",)),
        environment={"ALERTMANAGER": "${ALERTMANAGER}", "ALERTMANAGER_DATA_DIR": "${DATA}/data"},
        tools=("ALERTMANAGER",),
        login=Login("${ALERTMANAGER_URL}", "", "none: loopback only"),
    ),
    "prometheus": Native(
        version="program:PROMETHEUS",
        probe=Http(("${PROMETHEUS_URL}/-/ready",)),
        environment={"PROMETHEUS": "${PROMETHEUS}", "PROMETHEUS_DATA_DIR": "${DATA}/data"},
        tools=("PROMETHEUS",),
        # it writes down what it holds in memory
        stop_seconds=60,
        login=Login("${PROMETHEUS_URL}", "", "none: loopback only"),
    ),
    "grafana": Native(
        version="${GRAFANA_VERSION}",
        probe=Http(("http://127.0.0.1:${GRAFANA_PORT}/api/health",)),
        command=("${GRAFANA_FOLDER}/bin/grafana", "server", "--homepath", "${GRAFANA_FOLDER}"),
        environment={
            "GF_SERVER_HTTP_ADDR": LOOPBACK,
            "GF_SERVER_HTTP_PORT": "${GRAFANA_PORT}",
            **{f"GF_PATHS_{kind.upper()}": f"${{DATA}}/{kind}" for kind in ("data", "logs", "plugins")},
        },
        tools=("GRAFANA_FOLDER",),
        # its publisher has no package registry: the set-up cannot fetch it
        optional=True,
        login=Login("http://127.0.0.1:${GRAFANA_PORT}", "${GRAFANA_ADMIN_USER}", "GRAFANA_ADMIN_PASSWORD"),
    ),
}
