"""The demo once more, on a platform that has its history."""

from typing import Any

import pytest

from fraud_native import definition

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_second_demo_keeps_the_history_and_goes_on_with_new_ids(demo: Any) -> None:
    counted = "SELECT count(*), count(DISTINCT transaction_id), max(event_time) FROM delta.bronze.transactions"
    ((rows, _, newest),) = demo.trino(counted)
    (decided,) = demo.postgres("SELECT count(*) FROM decisions")[0]
    second = demo.again()
    assert "history is kept" in second.said
    predict = second.report["predict"]
    assert predict["errors"] == 0
    assert predict["requests"] >= 200
    ((rows_now, ids_now, newest_now),) = demo.trino(counted)
    assert rows_now == ids_now == rows + predict["requests"]
    assert newest_now > newest
    assert all(row["holds"] for row in second.report["conservation"].values())
    assert second.report["decisions_logged"] == decided + predict["requests"]


def test_the_demo_ends_with_phase_5_up_and_says_where(demo: Any, stack: Any) -> None:
    """Whoever watches has live payments to look at."""
    third = demo.again("--phases", "5")
    stack.stop("producer")
    assert "bring up phase 5" in third.said
    running = {line.split()[0] for line in stack.launcher("status", "--plain").splitlines() if " RUNNING" in line}
    # init jobs have ended, and nobody installs Grafana
    services = {name for name in definition.of_phases([5]) if not name.endswith("-init")} - {"grafana", "producer"}
    assert services <= running
    for name in ("PROMETHEUS_URL", "ALERTMANAGER_URL", "SUPERSET_URL"):
        assert stack.env[name] in third.said
    assert {"prometheus", "superset", "producer"} <= {one["name"] for one in third.report["components"]}
