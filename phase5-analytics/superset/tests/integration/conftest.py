"""A running Superset over the small demo's Gold, its REST interface, and a browser."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

ROOT = Path(__file__).parents[4]
RUN_DBT = ROOT / "phase3-transforms" / "dbt_project" / "run-dbt"
# generous: a page is large, and two cores have a whole platform to run besides
PATIENCE_MS = 150_000


@pytest.fixture(scope="session")
def superset(demo: Any) -> dict[str, str]:
    """Environment of the test stack with Superset running and the live decisions in Gold."""
    env: dict[str, str] = demo.stack.env
    # what the pipeline's next run would do; side by side with the start of Superset, which waits much of the time
    with subprocess.Popen(
        [str(RUN_DBT), "run", "--select", "mart_decisions+"],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as dbt:
        demo.stack.need("superset")
        said = dbt.communicate()[0]
    assert dbt.returncode == 0, said
    return env


class Rest(httpx.Client):
    """Superset's REST interface as one of its users."""

    def __init__(self, env: dict[str, str], who: str) -> None:
        super().__init__(base_url=env["SUPERSET_URL"], timeout=150.0, headers={"Referer": env["SUPERSET_URL"]})
        body = {
            "username": env[f"SUPERSET_{who}_USER"],
            "password": env[f"SUPERSET_{who}_PASSWORD"],
            "provider": "db",
        }
        token = self.post("/api/v1/security/login", json=body).raise_for_status().json()["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"
        self.headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/").raise_for_status().json()["result"]

    def id_of(self, kind: str, column: str, value: str) -> int:
        """The number of the one object of a kind whose column has this value."""
        query = f"(filters:!((col:{column},opr:eq,value:'{value}')))"
        (found,) = self.get(f"/api/v1/{kind}/", params={"q": query}).raise_for_status().json()["result"]
        return int(found["id"])

    def sql_lab(self, sql: str) -> httpx.Response:
        """Runs a statement as SQL Lab does."""
        database = self.id_of("database", "database_name", "Lakehouse")
        body = {"database_id": database, "sql": sql, "catalog": "serving", "schema": "gold", "runAsync": False}
        return self.post("/api/v1/sqllab/execute/", json=body)


@pytest.fixture(scope="session")
def analyst(superset: dict[str, str]) -> Iterator[Rest]:
    client = Rest(superset, "ANALYST")
    yield client
    client.close()


@pytest.fixture(scope="session")
def admin(superset: dict[str, str]) -> Iterator[Rest]:
    client = Rest(superset, "ADMIN")
    yield client
    client.close()


@pytest.fixture(scope="session")
def browser(superset: dict[str, str]) -> Iterator[Browser]:
    """Debian's Chromium; the set-up installs it for the tests."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # root has no other way than without the sandbox, and a container's /dev/shm is small
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Tab:
    """One page, what its charts were sent, and what it fetched from elsewhere."""

    page: Page
    url: str
    charts: list[Response] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)

    def watch(self) -> "Tab":
        self.page.on("response", self._note)
        return self

    def _note(self, response: Response) -> None:
        address = urlsplit(response.url)
        if address.scheme.startswith("http") and address.netloc != urlsplit(self.url).netloc:
            self.strangers.add(response.url)
        if address.path == "/api/v1/chart/data":
            self.charts.append(response)

    def rows_of_charts(self) -> dict[int, int]:
        """How many rows each chart was sent, by its number; what filters ask for has none."""
        rows = {}
        for response in self.charts:
            asked = response.request.post_data_json or {}
            if slice_id := asked.get("form_data", {}).get("slice_id"):
                rows[int(slice_id)] = min(part["rowcount"] for part in response.json()["result"])
        return rows


@pytest.fixture(scope="session")
def signed_in(browser: Browser, superset: dict[str, str]) -> Iterator[BrowserContext]:
    """The analyst, who has signed in at the form."""
    context = browser.new_context(viewport={"width": 1500, "height": 1600}, base_url=superset["SUPERSET_URL"])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, superset["SUPERSET_ANALYST_USER"], superset["SUPERSET_ANALYST_PASSWORD"])
    page.close()
    yield context
    context.close()


def sign_in(page: Page, user: str, password: str) -> None:
    """Sign in at the form, and once more where that did not last.

    Superset keeps the session in a cookie and sends it anew with most answers: one that was asked for as a stranger and
    comes after the sign-in takes it back. Its user is asked to sign in again, and so are we.
    """
    for _ in range(3):
        page.goto("/login/", wait_until="networkidle")
        page.fill("#username", user)
        page.fill("#password", password)
        with page.expect_response(lambda response: response.request.method == "POST" and "/login/" in response.url):
            page.click('[data-test="login-button"]')
        page.wait_for_load_state("networkidle")
        if page.context.request.get("/api/v1/me/").status == 200:
            return
    pytest.fail(f"{user} is not signed in; the browser is at {page.url}")


@pytest.fixture
def tab(signed_in: BrowserContext, superset: dict[str, str]) -> Iterator[Tab]:
    page = signed_in.new_page()
    yield Tab(page, superset["SUPERSET_URL"]).watch()
    page.close()


@pytest.fixture(scope="session")
def keep(superset: dict[str, str]) -> Callable[[Page, str], Path]:
    """``keep(page, name)``: a screenshot under the test stack's state."""
    folder = Path(superset["FRAUD_STATE_DIR"]) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> Path:
        # charts grow into their places
        page.wait_for_timeout(1000)
        path = folder / f"{name}.png"
        page.bring_to_front()
        page.screenshot(path=path)
        return path

    return shoot
