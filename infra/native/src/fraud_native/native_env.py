"""The variables of a stack as its processes see them without containers: loopback addresses and absolute paths."""

from typing import Final

from fraud_native.envfile import read_env_file
from fraud_native.interpolation import interpolate
from fraud_native.paths import COMMANDS, DBT_PROJECT, ROOT, Stack, Tools

LOOPBACK: Final = "127.0.0.1"

# What replaces the compose network's names. The ports are those that compose publishes.
ENDPOINTS: Final = {
    "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:${{KAFKA_PORT}}",
    "SCHEMA_REGISTRY_URL": f"http://{LOOPBACK}:${{REGISTRY_PORT}}/apis/ccompat/v7",
    "S3_ENDPOINT_URL": f"http://{LOOPBACK}:${{MINIO_PORT}}",
    "POSTGRES_HOST": LOOPBACK,
    "POSTGRES_CONNECT_PORT": "${POSTGRES_PORT}",
    "REDIS_HOST": LOOPBACK,
    "REDIS_CONNECT_PORT": "${REDIS_PORT}",
    "METASTORE_URI": f"thrift://{LOOPBACK}:${{METASTORE_PORT}}",
    "TRINO_URL": f"http://{LOOPBACK}:${{TRINO_PORT}}",
    "MLFLOW_TRACKING_URI": f"http://{LOOPBACK}:${{MLFLOW_PORT}}",
    "AIRFLOW_URL": f"http://{LOOPBACK}:${{AIRFLOW_PORT}}",
    "API_URL": f"http://{LOOPBACK}:${{API_PORT}}",
    "PROMETHEUS_URL": f"http://{LOOPBACK}:${{PROMETHEUS_PORT}}",
    "ALERTMANAGER_URL": f"http://{LOOPBACK}:${{ALERTMANAGER_PORT}}",
    "STATSD_HOST": LOOPBACK,
    "STATSD_CONNECT_PORT": "${STATSD_PORT}",
    "PRODUCER_TARGET": f"{LOOPBACK}:${{PRODUCER_METRICS_PORT}}",
    "BRONZE_WRITER_TARGET": f"{LOOPBACK}:${{BRONZE_METRICS_PORT}}",
    "FEATURE_WRITER_TARGET": f"{LOOPBACK}:${{FEATURE_WRITER_METRICS_PORT}}",
    "LAG_EXPORTER_TARGET": f"{LOOPBACK}:${{LAG_EXPORTER_PORT}}",
    "KAFKA_JMX_TARGET": f"{LOOPBACK}:${{KAFKA_JMX_PORT}}",
    "REDIS_EXPORTER_TARGET": f"{LOOPBACK}:${{REDIS_EXPORTER_PORT}}",
    "POSTGRES_EXPORTER_TARGET": f"{LOOPBACK}:${{POSTGRES_EXPORTER_PORT}}",
    "STATSD_EXPORTER_TARGET": f"{LOOPBACK}:${{STATSD_EXPORTER_PORT}}",
    "NODE_EXPORTER_TARGET": f"{LOOPBACK}:${{NODE_EXPORTER_PORT}}",
    "SUPERSET_URL": f"http://{LOOPBACK}:${{SUPERSET_PORT}}",
}


def native_env(stack: Stack) -> dict[str, str]:
    """Every variable of the stack's ``.env`` with native endpoints, and the paths that only exist natively.

    Raises:
        OSError: there is no ``.env`` yet.
        ValueError: a secret is empty.
    """
    variables = read_env_file(stack)
    variables.update({name: interpolate(value, variables) for name, value in ENDPOINTS.items()})
    variables["FRAUD_PRODUCER_LEDGER_DIR"] = str(ROOT / variables["FRAUD_PRODUCER_LEDGER_DIR"])
    variables["PROMETHEUS_RULES_DIR"] = str(ROOT / variables["PROMETHEUS_RULES_DIR"])
    tools = Tools(variables)
    variables |= {
        # the address that our own services listen on
        "FRAUD_BIND_HOST": LOOPBACK,
        # the console commands of the root environment, for Airflow's tasks
        "FRAUD_BIN": str(COMMANDS),
        "FRAUD_ROOT": str(ROOT),
        "FRAUD_STATE_DIR": str(stack.state),
        "FRAUD_SPARK_JARS_DIR": str(tools.spark_jars),
        "FRAUD_STREAM_WORK_DIR": str(stack.data("spark")),
        "SPARK_LOCAL_IP": LOOPBACK,
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(stack.data("dbt") / "target"),
        "DBT_LOG_PATH": str(stack.data("dbt") / "logs"),
        "AIRFLOW_HOME": str(stack.data("airflow")),
        "FRAUD_STREAM_AUDIT_LOG": str(stack.state / "audit" / "quarantine.jsonl"),
        "JAVA_HOME": str(tools.java17),
    }
    return variables
