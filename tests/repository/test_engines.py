"""Each job has the engine that docs/adr/0001 gives it, and docker-compose.yml runs no other."""

import re
from pathlib import Path

import yaml

from fraud_native.envfile import parse_env
from fraud_native.interpolation import interpolate

ROOT = Path(__file__).parents[2]
DECISION = (ROOT / "docs/adr/0001-use-one-engine-per-job.md").read_text(encoding="utf-8")
# by the job: how the decision's engine begins, and the image that runs it; our own image runs two of them
ENGINES = {
    "carry events": ("Kafka", "fraud-watch/kafka"),
    "hold schemas": ("Apicurio", "apicurio/apicurio-registry"),
    "store": ("MinIO", "fraud-watch/minio"),
    "land events": ("Spark", "fraud-watch/fraud-spark"),
    "transform and query": ("Trino", "trinodb/trino"),
    "schedule": ("Airflow", "fraud-watch/airflow"),
    "serve features": ("Redis", "redis"),
    "record decisions, state of the tools": ("PostgreSQL", "postgres"),
    "track and register models": ("MLflow", "fraud-watch/fraud"),
    "score": ("FastAPI", "fraud-watch/fraud"),
}
# what knows where tables are, shows them, or watches: none of these computes a number of the platform
BESIDE_ENGINES = {
    "fraud-watch/metastore",
    "fraud-watch/superset",
    "grafana/grafana",
    "oliver006/redis_exporter",
    "prom/alertmanager",
    "prom/node-exporter",
    "prom/prometheus",
    "prom/statsd-exporter",
    "prometheuscommunity/postgres-exporter",
}


def test_every_job_of_the_decision_has_one_engine() -> None:
    table = DECISION.partition("## Decision")[2].partition("## Why")[0]
    _, *decided = re.findall(r"^\| ([^|-]+?) \| (\w+)[^|]* \|", table, flags=re.MULTILINE)
    assert decided == [(job, engine) for job, (engine, _) in ENGINES.items()]


def test_compose_runs_these_engines_and_no_other() -> None:
    example = parse_env((ROOT / ".env.example").read_text(encoding="utf-8"))
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    images = {interpolate(service["image"], example).rpartition(":")[0] for service in services.values()}
    assert images == {image for _, image in ENGINES.values()} | BESIDE_ENGINES
