"""Faults on the running stack, and what reaches the receiver of them.

The rules are the real ones, ten times as fast. The thresholds are held by promtool; here it is the way from the fault
to whoever is told.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from fraud_native.demo.airflow import Airflow, DagRunError

pytestmark = pytest.mark.integration
Eventually = Callable[..., Any]


def test_bad_messages_are_told_and_forgotten(
    watched: Any, monitoring: Any, receiver: Any, eventually: Eventually
) -> None:
    """make alert-demo, and the other end of what it shows."""
    eventually(
        lambda: not monitoring.states(alertname="QuarantineGrowing"), 90, lambda: "no bad messages of other tests"
    )
    shown = watched.launcher("alert-demo")
    chapters = [shown.find(f"QuarantineGrowing is {chapter}") for chapter in ("pending", "firing", "resolved")]
    assert -1 not in chapters, shown
    assert chapters == sorted(chapters)
    told = receiver.wait("firing", 15, alertname="QuarantineGrowing", topic="transactions.raw", severity="ticket")
    assert "transactions.raw went to quarantine" in told["annotations"]["description"]
    assert told["annotations"]["runbook_url"] == "docs/runbooks/QuarantineGrowing.md"
    receiver.wait("resolved", 30, alertname="QuarantineGrowing", topic="transactions.raw")


@pytest.mark.slow
def test_payments_that_wait_are_one_page(
    watched: Any, monitoring: Any, receiver: Any, eventually: Eventually, pay: Callable[..., int]
) -> None:
    assert not monitoring.states(alertname="PredictLatencyBudgetBurnFast"), (
        "payments wait before anything holds them up"
    )
    with ThreadPoolExecutor(8) as pool:

        def slow_payments() -> None:
            with locked_decisions(watched.env):
                waiting = [pool.submit(pay) for _ in range(8)]
                time.sleep(0.3)
            assert {one.result() for one in waiting} == {200}

        def page_came() -> bool:
            slow_payments()
            return bool(receiver.alerts("firing", alertname="PredictLatencyBudgetBurnFast", severity="page"))

        def ticket_is_explained() -> bool:
            slow_payments()
            return monitoring.is_silenced(alertname="ApiLatencyHigh")

        eventually(page_came, 180, lambda: "the page about payments that wait")
        eventually(ticket_is_explained, 180, lambda: "the silenced ticket about the slowest payments")
        assert receiver.alerts("firing", alertname="ApiLatencyHigh") == []
    # nobody pays any more, and what has waited is forgotten
    eventually(lambda: not monitoring.states(alertname="ApiLatencyHigh"), 90, lambda: "the end of the slow payments")


@pytest.mark.slow
def test_a_component_that_stopped_is_told_and_what_follows_from_it_is_not(
    watched: Any, monitoring: Any, receiver: Any, eventually: Eventually, pay: Callable[..., int]
) -> None:
    """Without Redis payments are scored without their history: of that one fault the page names the cause."""
    watched.stop("redis")
    try:

        def consequence_is_explained() -> bool:
            assert {pay() for _ in range(20)} == {200}
            return monitoring.is_silenced(alertname="FeaturesStale")

        told = receiver.wait("firing", 60, alertname="TargetDown", job="redis", severity="page")
        eventually(consequence_is_explained, 240, lambda: "the silenced page about stale features")
    finally:
        watched.start("redis")
    assert told["annotations"]["summary"] == "redis does not answer"
    assert receiver.alerts("firing", alertname="FeaturesStale") == []

    def features_are_back() -> bool:
        pay()
        return not monitoring.states(alertname="FeaturesStale")

    # the ratio looks back; once Redis answers, whoever still had no history would be told of it
    eventually(features_are_back, 180, lambda: "the end of stale features")
    receiver.wait("resolved", 60, alertname="TargetDown", job="redis", severity="page")


@pytest.mark.slow
def test_a_dag_run_that_failed_is_told_and_forgotten(demo: Any, watched: Any, receiver: Any) -> None:
    """Trino is away for as long as a training needs to give up: that it is back does not bring the model."""
    env = watched.env
    with Airflow(env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]) as airflow:
        airflow.wait_for_dag("model_training", 60)
        watched.stop("trino")
        try:
            with pytest.raises(DagRunError, match="failed in train"):
                airflow.wait("model_training", airflow.trigger("model_training"), 300, print)
        finally:
            watched.start("trino")
    told = receiver.wait("firing", 240, alertname="PipelineFailed", dag_id="model_training", severity="ticket")
    assert told["annotations"]["summary"] == "model_training failed"
    receiver.wait("resolved", 300, alertname="PipelineFailed", dag_id="model_training")


@contextmanager
def locked_decisions(env: dict[str, str]) -> Iterator[None]:
    """Nobody can read or record a decision: what a careless migration does."""
    with psycopg.connect(
        host=env["POSTGRES_HOST"],
        port=int(env["POSTGRES_CONNECT_PORT"]),
        dbname="fraud",
        user="postgres",
        password=env["POSTGRES_PASSWORD"],
    ) as connection:
        connection.execute("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@pytest.mark.slow
def test_payments_that_are_refused_are_one_page(
    watched: Any, monitoring: Any, receiver: Any, eventually: Eventually, pay: Callable[..., int]
) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(pay, range(20))) == {200}
        with locked_decisions(watched.env):

            def page_came() -> bool:
                assert set(pool.map(pay, range(16))) == {503}
                return bool(receiver.alerts("firing", alertname="PredictAvailabilityBudgetBurnFast"))

            def ticket_is_explained() -> bool:
                assert set(pool.map(pay, range(16))) == {503}
                return monitoring.is_silenced(alertname="ApiErrorRateHigh")

            eventually(page_came, 120, lambda: "the page about refused payments")
            eventually(ticket_is_explained, 120, lambda: "the silenced ticket about the API's errors")
        # the API asks PostgreSQL again after a pause
        eventually(lambda: pay() == 200, 60, lambda: "a decision after the lock is gone")
    assert receiver.alerts("firing", alertname="ApiErrorRateHigh") == []
    # its long windows remember the outage; the short one does not
    eventually(lambda: not monitoring.states(alertname="ApiErrorRateHigh"), 90, lambda: "the end of the API's errors")


@pytest.mark.slow
def test_readers_that_stand_still_are_told_and_forgotten(
    watched: Any, monitoring: Any, receiver: Any, eventually: Eventually
) -> None:
    """Of the Bronze writer the page comes and silences the ticket; of the feature writer the ticket comes.

    The page's bound is not hastened as the ticket's windows are: here it may come second.
    """
    eventually(
        lambda: monitoring.value('max(fraud_bronze_oldest_unread_seconds{topic="transactions.raw"})') is not None,
        60,
        lambda: "the age of the oldest message that Bronze lacks",
    )
    watched.stop("bronze-writer")
    watched.stop("feature-writer")
    try:
        receiver.wait("firing", 180, alertname="LagNotFalling", consumergroup="feature-writer")
        receiver.wait("firing", 300, alertname="BronzeStale", topic="transactions.raw", severity="page")
        eventually(
            lambda: monitoring.is_silenced(alertname="LagNotFalling", consumergroup="bronze-stream"),
            60,
            lambda: "the silenced ticket about the Bronze stream's lag",
        )
    finally:
        watched.start("bronze-writer")
        watched.start("feature-writer")
    told = {one["labels"]["job"] for one in receiver.alerts("firing", alertname="TargetDown", severity="ticket")}
    assert {"bronze-writer", "feature-writer"} <= told
    receiver.wait("resolved", 180, alertname="LagNotFalling", consumergroup="feature-writer")
    receiver.wait("resolved", 300, alertname="BronzeStale", topic="transactions.raw")
