"""What an analyst sees and does, in a real browser."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 150
ASSETS = Path(__file__).parents[2] / "assets"
DASHBOARDS = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((ASSETS / "dashboards").glob("*"))]
LOADED_CHARTS = """() => {
    const charts = [...document.querySelectorAll('[data-test-chart-id]')];
    return {
        shown: charts.filter(chart => chart.querySelector('.slice_container')).length,
        waiting: charts.filter(chart => chart.querySelector('[data-test="loading-indicator"], .loading')).length,
        broken: charts.filter(chart => chart.querySelector('.ant-alert-error')).map(chart => chart.innerText),
        empty: charts.map(chart => chart.innerText).filter(text => /No results|No data|N\\/A$/.test(text)),
    };
}"""


def test_the_analyst_signs_in(signed_in: BrowserContext) -> None:
    assert "session" in {cookie["name"] for cookie in signed_in.cookies()}


@pytest.mark.parametrize(
    "dashboard",
    [
        # one of them in every run, all of them in make test-full
        pytest.param(each, id=each["slug"], marks=() if each["slug"] == "real-time-risk-feed" else pytest.mark.slow)
        for each in DASHBOARDS
    ],
)
def test_every_chart_of_a_dashboard_shows_rows(
    tab: Any, keep: Callable[[Page, str], Path], dashboard: dict[str, Any]
) -> None:
    page = tab.page
    expected = sum(part["type"] == "CHART" for part in dashboard["position"].values() if isinstance(part, dict))
    page.goto(f"/superset/dashboard/{dashboard['slug']}/", wait_until="domcontentloaded")
    wait_for_charts(page, expected)
    shot = keep(page, dashboard["slug"])
    seen = page.evaluate(LOADED_CHARTS)
    assert (seen["shown"], seen["broken"], seen["empty"]) == (expected, [], [])
    rows = tab.rows_of_charts()
    assert len(rows) == expected
    assert all(count > 0 for count in rows.values()), rows
    assert tab.strangers == set()
    assert shot.stat().st_size > 20_000


def wait_for_charts(page: Page, expected: int) -> None:
    # asked from here: a page that nobody looks at draws no frames, and what waits for frames in it waits for ever
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = page.evaluate(LOADED_CHARTS)
        if seen["shown"] + len(seen["broken"]) >= expected and not seen["waiting"]:
            return
        assert time.monotonic() < deadline, seen
        page.wait_for_timeout(300)


def test_the_risk_feed_says_how_old_its_data_is(demo: Any, analyst: Any) -> None:
    (newest,) = demo.trino("SELECT max(decided_at) FROM delta.gold.mart_decisions")[0]
    body = {
        "datasource": {"id": analyst.id_of("dataset", "table_name", "mart_decisions"), "type": "table"},
        "queries": [{"metrics": ["age_of_data"]}],
    }
    answer = analyst.post("/api/v1/chart/data", json=body).raise_for_status().json()
    (row,) = answer["result"][0]["data"]
    assert row["age_of_data"] == pytest.approx(
        (datetime.now(UTC).replace(tzinfo=None) - newest).total_seconds() / 60, abs=1
    )


@pytest.mark.slow
def test_sql_lab_runs_a_query_on_gold_and_refuses_a_forbidden_one(
    tab: Any, demo: Any, keep: Callable[[Page, str], Path], analyst: Any
) -> None:
    page = tab.page
    database = analyst.id_of("database", "database_name", "Lakehouse")
    page.goto(f"/sqllab/?dbid={database}&catalog=serving&schema=gold&sql=SELECT+1", wait_until="domcontentloaded")
    page.wait_for_selector(".ace_content")

    run_in_editor(page, "SELECT count(*) AS payments FROM mart_transactions")
    (payments,) = demo.trino("SELECT count(*) FROM delta.gold.mart_transactions")[0]
    results = page.locator('[data-test="table-container"]')
    expect(results).to_contain_text(re.compile(f"{payments}"))
    keep(page, "sql-lab")

    run_in_editor(page, "SELECT * FROM delta.bronze.transactions")
    expect(page.locator('[data-test="south-pane"] .ant-alert-error')).to_contain_text(re.compile("denied|access", re.I))
    keep(page, "sql-lab-refused")


def run_in_editor(page: Page, sql: str) -> None:
    """Runs a statement, and once more where the page missed its end.

    While a statement runs SQL Lab also asks every two seconds how it stands. Such an answer that is older than the
    result and arrives after it puts the page back to "running" for good; its user presses Stop and Run, and so do we.
    """
    button = page.locator('[data-test="run-query-action"]')
    for _ in range(3):
        page.evaluate("sql => document.querySelector('.ace_editor').env.editor.setValue(sql)", sql)
        with page.expect_response("**/api/v1/sqllab/execute/"):
            page.locator('[data-test="run-query-action"]:not([disabled])').click()
        try:
            expect(button).to_contain_text("Run", timeout=20_000)
        except AssertionError:
            button.click()
            expect(button).to_contain_text("Run")
        else:
            return
    pytest.fail(f"SQL Lab never showed the end of: {sql}")


@pytest.mark.slow
def test_an_analyst_builds_a_chart_from_a_dataset_and_keeps_it(
    tab: Any, demo: Any, keep: Callable[[Page, str], Path], analyst: Any
) -> None:
    page = tab.page
    page.goto("/chart/add", wait_until="domcontentloaded")
    choose(page, "Dataset", "mart_hourly_metrics")
    page.get_by_text("Big Number", exact=True).click()
    page.get_by_role("button", name="Create new chart").click()
    page.locator('[data-test="metric"]').get_by_text("Drop a column/metric here or click").click()
    choose(page, "Select saved metrics", "Largest payment")
    page.click('[data-test="AdhocMetricEdit#save"]')
    page.click('[data-test="run-query-button"]')
    (cents,) = demo.trino("SELECT max(amount_cents_max) FROM delta.gold.mart_hourly_metrics")[0]
    expect(page.locator(".slice_container .header-line")).to_have_text(f"{cents / 100:,.2f}")

    page.click('[data-test="query-save-button"]')
    page.fill('[data-test="new-chart-name"]', "The largest payment")
    page.click('[data-test="btn-modal-save"]')
    page.wait_for_url("**slice_id=**", wait_until="commit")
    keep(page, "chart-of-an-analyst")
    chart = analyst.id_of("chart", "slice_name", "The largest payment")
    assert analyst.get(f"/api/v1/chart/{chart}").json()["result"]["owners"][0]["first_name"] == "Analyst"
    # it is his: he may take it away again
    assert analyst.delete(f"/api/v1/chart/{chart}").status_code == 200


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.keyboard.type(option)
    page.locator(".ant-select-item-option").filter(has_text=option).first.click()
