"""On the running stack: Prometheus reaches all that it watches, and each of them tells what it is watched for."""

import re
import time
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

# one question for each job that only a working source answers
TELLS = {
    "api": "sum(fraud_prediction_latency_seconds_count)",
    "producer": "sum(fraud_producer_events_total) > 0",
    "bronze-writer": "sum(fraud_stream_end_offset) > 0",
    "feature-writer": 'count({job="feature-writer",__name__=~"fraud_.+"})',
    "kafka-exporter": "sum(kafka_topic_partition_current_offset) > 0",
    "kafka": 'sum(kafka_server_brokertopicmetrics_messagesin_total{topic=""}) > 0',
    "redis": "redis_up == 1 and redis_commands_processed_total > 0",
    "postgres": 'pg_up == 1 and on() pg_database_size_bytes{datname="fraud"} > 0',
    "minio": "sum(minio_s3_requests_total) > 0",
    "trino": "trino_execution_name_QueryManager_CompletedQueries > 0",
    "airflow": 'count({job="airflow",__name__=~"airflow_.+"}) > 0',
    "node": 'node_filesystem_size_bytes{mountpoint="/"} > 0',
    "prometheus": "prometheus_tsdb_head_series > 0",
    "alertmanager": "alertmanager_build_info",
}
# a page is asked every two seconds here; a machine that starts twenty services at once is given time
WAIT_SECONDS = 60


def asked(prometheus: str, question: str) -> list[Any]:
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": question}).raise_for_status().json()
    result: list[Any] = answer["data"]["result"]
    return result


@pytest.fixture(scope="module")
def prometheus(watched: Any) -> str:
    url: str = watched.env["PROMETHEUS_URL"]
    return url


def test_every_target_is_up_and_status_says_so(watched: Any, prometheus: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = httpx.get(f"{prometheus}/api/v1/targets").raise_for_status().json()["data"]["activeTargets"]
        down = {target["labels"]["job"]: target["lastError"] for target in found if target["health"] != "up"}
        if not down or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert down == {}
    assert sorted(target["labels"]["job"] for target in found) == sorted(TELLS)
    assert f"{len(TELLS)} of {len(TELLS)} Prometheus targets are up" in watched.launcher("status")


@pytest.mark.parametrize("job", TELLS)
def test_what_a_job_is_watched_for_arrives(prometheus: str, job: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not asked(prometheus, TELLS[job]):
        assert time.monotonic() < deadline, f"nothing answers {TELLS[job]}"
        time.sleep(1)


@pytest.mark.slow
def test_a_service_that_stops_is_named_by_status(watched: Any, prometheus: str) -> None:
    watched.stop("redis-exporter")
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while asked(prometheus, 'up{job="redis"} == 1'):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        shown = watched.launcher("status")
    finally:
        watched.start("redis-exporter")
    assert f"{len(TELLS) - 1} of {len(TELLS)} Prometheus targets are up" in shown
    assert re.search(r"^ +redis +down: .*refused", shown, flags=re.MULTILINE)


def test_prometheus_knows_its_alertmanager(watched: Any, prometheus: str) -> None:
    found = httpx.get(f"{prometheus}/api/v1/alertmanagers").raise_for_status().json()["data"]["activeAlertmanagers"]
    assert [one["url"] for one in found] == [f"{watched.env['ALERTMANAGER_URL']}/api/v2/alerts"]


def test_nothing_that_is_watched_listens_beyond_loopback(watched: Any) -> None:
    watched.assert_loopback_only("PRODUCER_METRICS_PORT", "PROMETHEUS_PORT", "LAG_EXPORTER_PORT")
