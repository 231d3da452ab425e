"""One fault, one page: what a real Alertmanager passes on of the alerts that a fault brings."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

PAGE, TICKET = "page", "ticket"
Alert = tuple[str, str, dict[str, str]]


def alert(name: str, severity: str, **labels: str) -> Alert:
    return name, severity, labels


def target_down(job: str, severity: str = TICKET, **labels: str) -> Alert:
    return alert("TargetDown", severity, job=job, instance=f"127.0.0.1:{job}", **labels)


BRONZE_STALE = alert("BronzeStale", PAGE, topic="transactions.raw")
BRONZE_LAGS = alert("LagNotFalling", TICKET, consumergroup="bronze-stream", topic="transactions.raw")
WINDOWS_LAG = alert("LagNotFalling", TICKET, consumergroup="feature-writer", topic="transactions.raw")
GOLD_STALE = alert("GoldStale", TICKET)
PIPELINE_FAILED = alert("PipelineFailed", TICKET, dag_id="fraud_pipeline")
TRAINING_FAILED = alert("PipelineFailed", TICKET, dag_id="model_training")
OTHER_DAGS_FAILED = (TRAINING_FAILED, alert("PipelineFailed", TICKET, dag_id="lakehouse_maintenance"))
PIPELINE_LATE = alert("PipelineLate", TICKET)
FEATURES_STALE = alert("FeaturesStale", PAGE)
AVAILABILITY_FAST = alert("PredictAvailabilityBudgetBurnFast", PAGE)
AVAILABILITY_SLOW = alert("PredictAvailabilityBudgetBurnSlow", TICKET)
LATENCY_FAST = alert("PredictLatencyBudgetBurnFast", PAGE)
LATENCY_SLOW = alert("PredictLatencyBudgetBurnSlow", TICKET)
ERRORS = alert("ApiErrorRateHigh", TICKET)
SLOWEST = alert("ApiLatencyHigh", TICKET)
QUARANTINE = alert("QuarantineGrowing", TICKET, topic="transactions.raw")
CONSERVATION = alert("ConservationBroken", PAGE, topic="transactions.raw")
LETTERS = alert("DeadLettersFailing", TICKET, topic="transactions.raw")
PARITY = alert("FeatureParityBroken", TICKET)
LABELS_LATE = alert("LabelsLate", TICKET)
PERFORMANCE = alert("ModelPerformanceFallen", TICKET)

# what a fault brings: the alerts that somebody is told of, and those that these explain
FAULTS: dict[str, tuple[list[Alert], list[Alert]]] = {
    "kafka is away": (
        [target_down("kafka", PAGE)],
        [
            *(target_down(job) for job in ("bronze-writer", "feature-writer", "producer")),
            target_down("kafka-exporter", source="kafka"),
            *(BRONZE_STALE, BRONZE_LAGS, WINDOWS_LAG, LETTERS, GOLD_STALE, PIPELINE_FAILED, PIPELINE_LATE),
            FEATURES_STALE,
        ],
    ),
    "minio is away": (
        [target_down("minio", PAGE)],
        [
            *(target_down("bronze-writer"), target_down("kafka-exporter", source="checkpoint")),
            *(BRONZE_STALE, BRONZE_LAGS, GOLD_STALE, PIPELINE_FAILED, PIPELINE_LATE),
            *OTHER_DAGS_FAILED,
        ],
    ),
    "postgres is away": (
        [target_down("postgres", PAGE)],
        [
            *(AVAILABILITY_FAST, AVAILABILITY_SLOW, ERRORS, SLOWEST, LATENCY_FAST),
            *(GOLD_STALE, PIPELINE_FAILED, PIPELINE_LATE, *OTHER_DAGS_FAILED),
        ],
    ),
    "redis is away": ([target_down("redis", PAGE)], [FEATURES_STALE, PIPELINE_FAILED, PIPELINE_LATE]),
    "the api is away": (
        [target_down("api", PAGE)],
        [AVAILABILITY_FAST, AVAILABILITY_SLOW, LATENCY_FAST, LATENCY_SLOW, ERRORS, SLOWEST, FEATURES_STALE],
    ),
    "trino is away": (
        [target_down("trino")],
        [
            *(target_down("kafka-exporter", source="trino"), GOLD_STALE),
            *(PIPELINE_FAILED, PIPELINE_LATE, *OTHER_DAGS_FAILED),
        ],
    ),
    "the Bronze writer stands still": ([BRONZE_STALE], [BRONZE_LAGS, GOLD_STALE, PIPELINE_FAILED, PIPELINE_LATE]),
    "the pipeline fails": ([PIPELINE_FAILED], [PIPELINE_LATE, GOLD_STALE]),
    "the pipeline does not run": ([PIPELINE_LATE], [GOLD_STALE]),
    "the model sees wrong numbers": ([PARITY], [PERFORMANCE]),
    "labels come late": ([LABELS_LATE], [PERFORMANCE]),
    "payments are refused": ([AVAILABILITY_FAST], [AVAILABILITY_SLOW, ERRORS]),
    "payments wait": ([LATENCY_FAST], [LATENCY_SLOW, SLOWEST]),
    "a disk is nearly full": (
        [alert("DiskFillingUp", PAGE, instance="n", device="/dev/vda")],
        [alert("DiskFillingUp", TICKET, instance="n", device="/dev/vda")],
    ),
    # what has nothing to do with each other is told in full
    "two disks": (
        [
            alert("DiskFillingUp", PAGE, instance="n", device="/dev/vda"),
            alert("DiskFillingUp", TICKET, instance="n", device="/dev/vdb"),
        ],
        [],
    ),
    "much at once": (
        [
            *(target_down("trino"), BRONZE_STALE, WINDOWS_LAG, FEATURES_STALE, AVAILABILITY_FAST),
            *(QUARANTINE, LETTERS, CONSERVATION),
        ],
        [],
    ),
    "a training failed while nothing was late": ([TRAINING_FAILED, PIPELINE_LATE], [GOLD_STALE]),
    # the DAGs that ask neither Kafka nor Redis and take Gold as old as it is
    "a training failed while kafka was away": (
        [target_down("kafka", PAGE), *OTHER_DAGS_FAILED],
        [PIPELINE_FAILED, PIPELINE_LATE],
    ),
    "a training failed while redis was away": (
        [target_down("redis", PAGE), *OTHER_DAGS_FAILED],
        [PIPELINE_FAILED, PIPELINE_LATE],
    ),
    "a training failed while Bronze was stale": (
        [BRONZE_STALE, *OTHER_DAGS_FAILED],
        [PIPELINE_FAILED, PIPELINE_LATE],
    ),
}


@pytest.fixture(scope="module")
def alertmanager(stack: Any) -> Iterator[httpx.Client]:
    stack.need("alertmanager")
    with httpx.Client(base_url=f"{stack.env['ALERTMANAGER_URL']}/api/v2", timeout=10) as client:
        yield client


def send(alertmanager: httpx.Client, alerts: list[Alert], scenario: str, *, over: bool = False) -> None:
    now = datetime.now(UTC)
    body = [
        {
            "labels": {"alertname": name, "severity": severity, "scenario": scenario, **labels},
            "annotations": {"summary": f"{name} of a test"},
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": (now if over else now + timedelta(minutes=5)).isoformat(),
        }
        for name, severity, labels in alerts
    ]
    alertmanager.post("/alerts", json=body).raise_for_status()


def states(alertmanager: httpx.Client, scenario: str) -> dict[str, list[Alert]]:
    """The scenario's alerts by what Alertmanager does with them: active or suppressed."""
    answer = alertmanager.get("/alerts", params={"filter": f'scenario="{scenario}"'}).raise_for_status().json()
    found: dict[str, list[Alert]] = {"active": [], "suppressed": []}
    for one in answer:
        labels = dict(one["labels"])
        name, severity = labels.pop("alertname"), labels.pop("severity")
        labels.pop("scenario")
        found[one["status"]["state"]].append((name, severity, labels))
    return found


def in_order(alerts: list[Alert]) -> list[Alert]:
    return sorted(alerts, key=str)


@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_fault_only_its_cause_is_passed_on(
    alertmanager: httpx.Client, eventually: Callable[..., Any], fault: str
) -> None:
    told, silenced = FAULTS[fault]
    send(alertmanager, [*silenced, *told], fault)
    expected = {"active": in_order(told), "suppressed": in_order(silenced)}
    found: dict[str, list[Alert]] = {}

    def as_expected() -> bool:
        found.update({state: in_order(alerts) for state, alerts in states(alertmanager, fault).items()})
        return found == expected

    try:
        # what explains others is noted a moment after it was received
        eventually(as_expected, 10, lambda: f"active and suppressed as expected (they are {found})")
    finally:
        send(alertmanager, [*told, *silenced], fault, over=True)


def test_a_fault_with_ten_consequences_is_one_page(alertmanager: httpx.Client, receiver: Any) -> None:
    fault = "kafka is away, in the order of life"
    told, silenced = FAULTS["kafka is away"]
    send(alertmanager, told, fault)
    try:
        receiver.wait("firing", 15, alertname="TargetDown", job="kafka", scenario=fault)
        send(alertmanager, silenced, fault)
        # every other group's first message would have come by then
        time.sleep(4)
        # a group is told again when another test's alert leaves it: the same alert, not another one
        labels = [one["labels"] for one in receiver.alerts("firing", scenario=fault)]
        heard = {(one["alertname"], one.get("job")) for one in labels}
        assert heard == {("TargetDown", "kafka")}
    finally:
        send(alertmanager, [*told, *silenced], fault, over=True)
    receiver.wait("resolved", 15, alertname="TargetDown", job="kafka", scenario=fault)


def test_an_alert_that_nothing_explains_any_more_is_told(
    alertmanager: httpx.Client, receiver: Any, eventually: Callable[..., Any]
) -> None:
    """Kafka comes back, and Bronze is still stale: now it is a fault of its own."""
    scenario = "kafka came back"
    send(alertmanager, [target_down("kafka", PAGE), BRONZE_STALE], scenario)
    receiver.wait("firing", 15, alertname="TargetDown", scenario=scenario)
    assert receiver.alerts("firing", alertname="BronzeStale", scenario=scenario) == []
    send(alertmanager, [target_down("kafka", PAGE)], scenario, over=True)
    try:
        receiver.wait("firing", 15, alertname="BronzeStale", scenario=scenario)
    finally:
        send(alertmanager, [BRONZE_STALE], scenario, over=True)
    eventually(lambda: not states(alertmanager, scenario)["active"], 15, lambda: "nothing is active any more")
