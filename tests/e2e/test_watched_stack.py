"""Every panel of every dashboard asks the running platform, and is answered."""

import json
import math
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fraud_training.stability import LEAST_SAMPLES

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "phase5-analytics" / "grafana"
# what the dashboards and what the alert rules read of others, by the job that brings it
THIRD_PARTY: list[dict[str, list[str]]] = [
    yaml.safe_load((ROOT / "phase5-analytics" / room / "tests/third_party_metrics.yml").read_text("utf-8"))
    for room in ("grafana", "prometheus")
]
AFTER_A_FAULT = "only_after_a_fault"
# The demo's decisions are all of its last day.
WITH_MATURE_LABELS = {"ml_monitoring: Precision and recall", "ml_monitoring: Alerts and missed frauds"}
WATCHERS = ("prometheus", "redis-exporter", "postgres-exporter", "node-exporter", "statsd-exporter")
# two scrapes of everything, and looks of the lag exporter at Trino, which is slow while everything else runs, too
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Prometheus:
    """The Prometheus of the test stack."""

    url: str

    def ask(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.url}/api/v1/query", data={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return [one for one in found if not math.isnan(float(one["value"][1]))]


@dataclass(frozen=True)
class Question:
    """One query of a panel."""

    panel: str
    expression: str
    legend: str

    def fault(self, prometheus: Prometheus) -> str | None:
        """Why a panel would stay empty or without its legend, or ``None``."""
        answers = prometheus.ask(self.expression)
        if not answers:
            return f"{self.panel}: no data: {self.expression}"
        wanted = set(re.findall(r"{{(\w+)}}", self.legend))
        if lacking := wanted - set.intersection(*(set(one["metric"]) for one in answers)):
            return f"{self.panel}: the legend names {', '.join(lacking)}, which the answer has not"
        return None


def questions() -> list[Question]:
    return [
        Question(
            f"{path.stem}: {panel['title']}",
            # what Grafana puts there is at least four scrapes
            target["expr"].replace("$__rate_interval", "5m"),
            target["legendFormat"],
        )
        for path in sorted((GRAFANA / "dashboards").glob("*.json"))
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", [])
    ]


def patiently(faults: Callable[[], list[str]]) -> list[str]:
    """Looks again until nothing is wrong any more, or patience ends; returns what is wrong then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (wrong := faults()) and time.monotonic() < deadline:
        time.sleep(2)
    return wrong


@pytest.fixture(scope="module")
def prometheus(
    demo: Any, predict: Callable[[dict[str, Any]], dict[str, Any]], live_in_gold: None
) -> Iterator[Prometheus]:
    """Watches the demo's stack while payments arrive and are decided."""
    demo.stack.need(*WATCHERS, "producer")
    # its first look comes last: the next ones lie far apart, so that Trino belongs to those who build Gold
    demo.stack.stop("lag-exporter")
    url = demo.stack.env["PROMETHEUS_URL"]
    # before the payments: a rate needs to have seen the count grow
    patiently(lambda: [] if Prometheus(url).ask('fraud_predictions_total{job="api"}') else ["not scraped yet"])
    ((decided,),) = demo.postgres("SELECT count(*) FROM decisions WHERE mode IN ('full', 'no_profiles')")
    for number in range(max(12, LEAST_SAMPLES - decided)):
        predict(
            {
                "transaction_id": f"watched-{uuid.uuid4()}",
                "user_id": f"U{number:04}",
                "amount": 50 + 1000 * (number % 12),
                "merchant_id": "M001",
                "is_international": number % 2 == 0,
            }
        )
    # what the DAG model_monitoring does at night; the champion stands in for a challenger, which the demo has none of
    demo.stack.run(["fraud-training", "drift"])
    demo.stack.run(["fraud-training", "shadow", "--challenger", str(demo.report["model"]["version"])])
    demo.stack.need("lag-exporter")
    yield Prometheus(url)
    # what the other tests count must stand still, and nobody needs to be asked every second any more
    for service in ("producer", "prometheus", "lag-exporter"):
        demo.stack.stop(service)


def test_every_panel_has_data(prometheus: Prometheus) -> None:
    asked = [one for one in questions() if one.panel not in WITH_MATURE_LABELS]
    assert len(asked) > 100
    assert patiently(lambda: [fault for one in asked if (fault := one.fault(prometheus))]) == []


def test_nothing_is_told_of_decisions_whose_labels_are_young(demo: Any, prometheus: Prometheus) -> None:
    ((decisions, mature),) = demo.trino(
        "SELECT sum(decision_count), count_if(is_mature) FROM delta.gold.mart_model_performance"
    )
    assert decisions > 0
    assert mature == 0
    silent = [one for one in questions() if one.panel in WITH_MATURE_LABELS]
    assert {one.panel for one in silent} == WITH_MATURE_LABELS
    assert [one.expression for one in silent if prometheus.ask(one.expression)] == []


def test_every_metric_of_others_comes_from_the_job_that_is_named(prometheus: Prometheus) -> None:
    assert (
        patiently(
            lambda: [
                f"{job}: {name}"
                for listed in THIRD_PARTY
                for job, names in listed.items()
                for name in names
                if job != AFTER_A_FAULT and not prometheus.ask(f'{name}{{job="{job}"}}')
            ]
        )
        == []
    )


def test_a_panel_without_data_would_be_found(prometheus: Prometheus) -> None:
    assert Question("a", "sum(fraud_no_such_metric)", "a").fault(prometheus) is not None
    assert Question("b", "0 * sum(up) / 0", "b").fault(prometheus) is not None
    assert Question("c", "sum by (job) (up)", "{{partition}}").fault(prometheus) is not None
    assert Question("d", "sum by (job) (up)", "{{job}}").fault(prometheus) is None
