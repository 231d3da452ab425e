"""What can be said about the dashboards without a Prometheus."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[3]
TESTS = Path(__file__).parent
RULES = ROOT / "phase5-analytics" / "prometheus" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
THIRD_PARTY: dict[str, list[str]] = yaml.safe_load((TESTS / "third_party_metrics.yml").read_text("utf-8")) or {}
# what Prometheus itself makes
PROMETHEUS_OWN = {"up", "ALERTS", "scrape_duration_seconds"}
# labels that Prometheus puts on everything, and the one of every histogram
EVERYWHERE = {"job", "instance", "le"}
MetricsIn = Callable[[str], dict[str, set[str]]]

# what each dashboard is for, and what one of its panels asks for it; the golden signals of Platform are held below
PROMISED = {
    "Pipeline health": {
        "messages per second": "sum by (topic) (rate(kafka_topic_partition_current_offset{",
        "Bronze's lag per partition": 'kafka_consumergroup_lag{consumergroup="bronze-stream"}',
        "the feature writer's lag per partition": 'kafka_consumergroup_lag{consumergroup="feature-writer"}',
        "dead letters": 'kafka_topic_partition_current_offset{topic=~".+[.]dlq"}',
        "why there are dead letters": "fraud_stream_dead_letter_reasons_total",
        "freshness of Bronze": "fraud_bronze_oldest_unread_seconds",
        "freshness of Gold": "fraud_gold_oldest_missing_seconds",
        "rows per layer": "sum by (layer) (fraud_lakehouse_rows)",
        "gap of promise P1": "fraud_conservation_gap_messages",
    },
    "ML monitoring": {
        "predictions by tier": "sum by (risk_tier) (rate(fraud_predictions_total[",
        "p50": "histogram_quantile(0.5, sum by (le) (rate(fraud_prediction_latency_seconds_bucket[",
        "p95": "histogram_quantile(0.95, sum by (le) (rate(fraud_prediction_latency_seconds_bucket[",
        "p99": "histogram_quantile(0.99, sum by (le) (rate(fraud_prediction_latency_seconds_bucket[",
        "fraud rate": "fraud_gold_fraud_ratio",
        "cache hits": "fraud_redis_cache_hits_total",
        "cache misses": "fraud_redis_cache_misses_total",
        "model version": "fraud_model_version",
        "parity of features": "fraud_feature_parity_decisions",
        "drift of the score": "fraud_model_score_psi",
        "drift of the features": "fraud_model_feature_psi",
        "disagreement in shadow": "fraud_shadow_disagreement_ratio",
    },
    "Fraud operations": {
        "payments per minute": "60 * sum(rate(fraud_verdicts_total[",
        "verdicts per minute": "60 * sum by (verdict) (rate(fraud_verdicts_total[",
        "money per minute": "60 * sum by (verdict) (rate(fraud_payment_amount_total[",
    },
    "Platform": {"what is up": "min by (job) (up)"},
}


def golden(component: str, latency: str = "latency", errors: str = "errors") -> set[str]:
    return {f"{component} {signal}" for signal in (latency, "traffic", errors, "saturation")}


# titles on Platform by the job that brings the figures
GOLDEN_SIGNALS = {
    "api": golden("API"),
    "producer": golden("Producer"),
    "kafka": golden("Kafka"),
    "bronze-writer": golden("Bronze"),
    # it works in batches: how long one of its payments waited nobody measures, how many wait is known
    "feature-writer": golden("Feature writer", latency="lag"),
    "redis": golden("Redis"),
    "postgres": golden("PostgreSQL"),
    "minio": golden("MinIO"),
    "trino": golden("Trino"),
    "airflow": golden("Airflow"),
    # nobody asks a machine for anything that it could refuse
    "node": golden("Node", errors="pressure"),
}
# what only watches the others
WATCHERS = {"kafka-exporter", "prometheus", "alertmanager"}


def settings() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def scraped_jobs() -> set[str]:
    configuration = (ROOT / "phase5-analytics/prometheus/prometheus.yml").read_text(encoding="utf-8")
    return set(re.findall(r"job_name: *\"?([\w-]+)", configuration))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('sum by (a) (rate(x_total{job="y", z=~"q|r"}[5m]))', {"x_total": {"job", "z"}}),
        ("100 * max(a_b) / on(i) group_left(j) c_d offset 5m", {"a_b": set(), "c_d": set()}),
        ('label_replace(0 * max(up{job="api"} == 1), "rule", "none so far", "", "")', {"up": {"job"}}),
    ],
)
def test_metrics_are_found_in_an_expression(
    metrics_in: MetricsIn, expression: str, expected: dict[str, set[str]]
) -> None:
    assert metrics_in(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('sum by (topic, job) (rate(fraud_producer_events_total{outcome=~"a|(b)"}[5m]))', set()),
        (
            "sum by (partition) (rate(fraud_producer_events_total[5m])) / on() sum by (topic) (fraud_lakehouse_rows)",
            {"fraud_producer_events_total by partition", "fraud_lakehouse_rows by topic"},
        ),
        ("max by (consumergroup, layer) (kafka_consumergroup_lag)", {"kafka_consumergroup_lag by layer"}),
        ("sum by (whatever) (somebody_elses)", set()),
    ],
)
def test_a_grouping_by_a_label_that_is_not_there_is_found(
    strange_groupings: Callable[[str], set[str]], expression: str, expected: set[str]
) -> None:
    assert strange_groupings(expression) == expected


def test_the_committed_json_is_what_the_panels_render_to(render: ModuleType) -> None:
    for path, text in render.rendered().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: run {render.__file__}"
    assert {path.name for path in render.rendered()} == {path.name for path in render.DASHBOARDS.iterdir()}


def test_the_json_holds_only_what_the_pinned_grafana_knows(dashboards: dict[str, dict[str, Any]]) -> None:
    schema = json.loads((TESTS / "dashboard.schema.json").read_text(encoding="utf-8"))
    assert schema["title"].endswith(f"Grafana {settings()['GRAFANA_VERSION']}"), "compare the schema with the new one"
    validator = jsonschema.Draft202012Validator(schema)
    wrong = [
        f"{name}: {jsonschema.exceptions.best_match([error]).message[:200]} at {list(error.path)}"
        for name, dashboard in dashboards.items()
        for error in validator.iter_errors(dashboard)
    ]
    assert wrong == []


def test_the_four_dashboards_are_there_once(dashboards: dict[str, dict[str, Any]]) -> None:
    titles = sorted(dashboard["title"] for dashboard in dashboards.values())
    assert titles == ["Fraud operations", "ML monitoring", "Pipeline health", "Platform"]
    assert len({dashboard["uid"] for dashboard in dashboards.values()}) == len(dashboards)
    for dashboard in dashboards.values():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("title", PROMISED)
def test_a_dashboard_shows_what_it_is_for(dashboards: dict[str, dict[str, Any]], panels: list[Any], title: str) -> None:
    asked = [
        expression
        for panel in panels
        if dashboards[panel.dashboard]["title"] == title
        for expression in panel.expressions
    ]
    lacking = [what for what, text in PROMISED[title].items() if not any(text in expression for expression in asked)]
    assert lacking == []


def test_every_component_has_its_golden_signals(panels: list[Any]) -> None:
    assert scraped_jobs() - WATCHERS == GOLDEN_SIGNALS.keys()
    titles = {panel.json["title"] for panel in panels if panel.dashboard == "platform.json"}
    assert set.union(*GOLDEN_SIGNALS.values()) - titles == set()


def test_no_panel_lies_on_another(dashboards: dict[str, dict[str, Any]]) -> None:
    for name, dashboard in dashboards.items():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert max(x for x, _ in cells) < 24, f"{name}: {panel['title']} stands over the edge"
            assert not cells & taken, f"{name}: {panel['title']} lies on another"
            taken |= cells


def test_every_panel_has_unit_legend_and_description(panels: list[Any]) -> None:
    lacking = [
        str(panel)
        for panel in panels
        if not panel.json["fieldConfig"]["defaults"].get("unit")
        or not panel.json.get("description", "").strip()
        or not all(target.get("legendFormat", "").strip() for target in panel.json["targets"])
    ]
    assert lacking == []


def test_legends_tell_the_series_of_a_panel_apart(panels: list[Any]) -> None:
    for panel in panels:
        legends = [target["legendFormat"] for target in panel.json["targets"]]
        assert len(legends) == len(set(legends)), panel
        for target in panel.json["targets"]:
            groups = re.findall(r"\bby *\(([^)]*)\)", target["expr"])
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert not groups or any(label in re.split(r"[ ,]+", group) for group in groups), f"{panel}: {label}"


def test_every_expression_parses(panels: list[Any], tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: run make setup"
    expressions = [expression for panel in panels for expression in panel.expressions]
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_is_one_that_somebody_publishes(
    panels: list[Any], own_metrics: dict[str, set[str] | None], metrics_in: MetricsIn
) -> None:
    third_party = {name for names in THIRD_PARTY.values() for name in names}
    unknown, used = [], set()
    for panel in panels:
        for expression in panel.expressions:
            for name, labels in metrics_in(expression).items():
                used.add(name)
                if name in own_metrics:
                    defined = own_metrics[name]
                    if defined is not None and not labels <= defined | EVERYWHERE:
                        unknown.append(f"{panel}: {name} has no label {', '.join(labels - defined - EVERYWHERE)}")
                elif name not in third_party | PROMETHEUS_OWN:
                    unknown.append(f"{panel}: {name}")
    assert unknown == []
    assert third_party - used == set(), "third_party_metrics.yml names what no panel uses"


def test_the_panels_group_by_labels_that_exist(panels: list[Any], strange_groupings: Callable[[str], set[str]]) -> None:
    found = [
        f"{panel}: {strange}"
        for panel in panels
        for expression in panel.expressions
        for strange in strange_groupings(expression)
    ]
    assert found == []


def test_every_job_is_scraped(panels: list[Any]) -> None:
    jobs = scraped_jobs()
    asked = {
        job
        for panel in panels
        for expression in panel.expressions
        for matched in re.findall(r'\bjob=~?"([^"]+)"', expression)
        for job in matched.split("|")
    }
    assert asked - jobs == set()
    assert set(THIRD_PARTY) - jobs == {"only_after_a_fault"}


def test_links_lead_to_runbooks_of_alerts_that_exist(panels: list[Any]) -> None:
    alerts = {
        rule["alert"]
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    linked = set()
    for panel in panels:
        for link in panel.json["links"]:
            found = re.fullmatch(r"\$\{docs}/runbooks/(\w+)\.html", link["url"])
            assert found, f"{panel}: {link['url']}"
            linked.add(found.group(1))
    assert linked - alerts == set()
    assert {name for name in linked if not (RUNBOOKS / f"{name}.md").exists()} == set()
    # who is woken finds the picture of it
    assert alerts - linked == set(), "an alert without a panel that shows what it watches"


def test_the_documentation_is_where_the_links_say(dashboards: dict[str, dict[str, Any]]) -> None:
    address = f"http://127.0.0.1:{settings()['DOCS_PORT']}"
    for dashboard in dashboards.values():
        assert [variable["query"] for variable in dashboard["templating"]["list"]] == [address]


def test_provisioning_names_what_the_dashboards_use(dashboards: dict[str, dict[str, Any]]) -> None:
    folder = ROOT / "phase5-analytics/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources/prometheus.yml").read_text("utf-8"))["datasources"][0]
    assert (source["type"], source["uid"]) == ("prometheus", "prometheus")
    assert source["jsonData"]["timeInterval"] == f"{settings()['PROMETHEUS_SCRAPE_SECONDS']}s"
    provider = yaml.safe_load((folder / "dashboards/fraud_watch.yml").read_text("utf-8"))["providers"][0]
    assert provider["options"]["path"] == "$GRAFANA_DASHBOARDS_DIR"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["grafana"]
    for name in ("PROMETHEUS_URL", "GRAFANA_DASHBOARDS_DIR", "GF_PATHS_PROVISIONING"):
        assert name in compose["environment"], name
