"""Who may do what: the analyst in Superset, Superset in Trino, and a stranger nowhere."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import trino
from trino.exceptions import TrinoUserError

pytestmark = pytest.mark.integration

ASSETS = Path(__file__).parents[2] / "assets"
TABLE = "gold.mart_hourly_metrics"
REFUSED = [
    "SELECT * FROM delta.gold.mart_hourly_metrics",
    "SELECT * FROM delta.bronze.transactions",
    "SELECT annual_income FROM delta.bronze.kyc_profiles",
    "SELECT * FROM postgres.public.decisions",
    "SELECT * FROM TABLE(postgres.system.query(query => 'SELECT 1'))",
    "SELECT * FROM system.runtime.queries",
    f"INSERT INTO {TABLE} SELECT * FROM {TABLE}",
    f"UPDATE {TABLE} SET transaction_count = 0",
    f"DELETE FROM {TABLE}",
    f"MERGE INTO {TABLE} USING (VALUES 1) AS one (one) ON false WHEN NOT MATCHED THEN INSERT (user_count) VALUES (1)",
    f"TRUNCATE TABLE {TABLE}",
    f"ALTER TABLE {TABLE} EXECUTE optimize",
    f"ALTER TABLE {TABLE} ADD COLUMN mine integer",
    f"ANALYZE {TABLE}",
    f"DROP TABLE {TABLE}",
    f"CREATE TABLE gold.mine AS SELECT * FROM {TABLE}",
    "CREATE VIEW gold.mine AS SELECT 1 AS one",
    "CREATE SCHEMA mine",
    "CALL serving.system.vacuum('gold', 'mart_hourly_metrics', '7d')",
    "CALL serving.system.flush_metadata_cache()",
    "SET SESSION serving.parquet_use_column_index = true",
    "SET SESSION query_max_run_time = '10h'",
]


def ask(env: dict[str, str], user: str, sql: str, catalog: str = "serving") -> list[list[Any]]:
    connection = trino.dbapi.connect(host="127.0.0.1", port=int(env["TRINO_PORT"]), user=user, catalog=catalog)
    return connection.cursor().execute(sql).fetchall()


@pytest.mark.parametrize("statement", REFUSED)
def test_trino_refuses_superset_everything_but_to_read_gold(superset: dict[str, str], statement: str) -> None:
    with pytest.raises(TrinoUserError, match="Access Denied"):
        ask(superset, "superset", statement)


def test_superset_sees_nothing_but_gold(superset: dict[str, str]) -> None:
    assert ask(superset, "superset", "SHOW CATALOGS") == [["serving"], ["system"]]
    assert ask(superset, "superset", "SHOW SCHEMAS FROM serving") == [["gold"], ["information_schema"]]
    tables = "SELECT DISTINCT table_schema FROM serving.information_schema.columns ORDER BY 1"
    assert ask(superset, "superset", tables) == [["gold"], ["information_schema"]]
    assert ask(superset, "superset", f"SELECT count(*) FROM {TABLE}")[0][0] > 0


def test_a_table_of_silver_cannot_be_read_through_the_catalog_of_superset(superset: dict[str, str]) -> None:
    # by the object store's key already, whatever the rules of Trino say
    with pytest.raises(trino.exceptions.TrinoQueryError, match=r"Error getting snapshot|Access Denied"):
        ask(superset, "superset", "SELECT * FROM silver.int_transactions")


def test_what_dbt_writes_is_there_at_once(superset: dict[str, str]) -> None:
    table = f"gold.probe_{os.getpid()}"
    ask(superset, "dbt", f"CREATE TABLE {table} AS SELECT 1 AS id", "delta")
    try:
        assert ask(superset, "superset", f"SELECT * FROM {table}") == [[1]]
        ask(superset, "dbt", f"UPDATE {table} SET id = 2", "delta")
        assert ask(superset, "superset", f"SELECT * FROM {table}") == [[2]]
    finally:
        ask(superset, "dbt", f"DROP TABLE {table}", "delta")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM delta.bronze.transactions",
        f"INSERT INTO {TABLE} SELECT * FROM {TABLE}",
        f"ALTER TABLE {TABLE} EXECUTE optimize",
        "CREATE TABLE gold.mine (id integer)",
    ],
)
def test_sql_lab_refuses_what_is_forbidden(analyst: Any, statement: str) -> None:
    answer = analyst.sql_lab(statement)
    assert answer.status_code >= 400
    assert answer.json()["errors"], answer.text
    assert analyst.sql_lab(f"SELECT count(*) AS hours FROM {TABLE}").json()["data"][0]["hours"] > 0


def test_an_analyst_changes_nothing_that_is_not_his(analyst: Any) -> None:
    database = analyst.id_of("database", "database_name", "Lakehouse")
    dashboard = analyst.id_of("dashboard", "slug", "fraud-analytics")
    chart = analyst.id_of("chart", "slice_name", "Known frauds")
    dataset = analyst.id_of("dataset", "table_name", "mart_decisions")
    uri = {"database_name": "mine", "sqlalchemy_uri": "trino://dbt@127.0.0.1/delta"}
    refused = {
        "change the database": analyst.put(f"/api/v1/database/{database}", json=uri),
        "connect another database": analyst.post("/api/v1/database/", json=uri),
        "test a connection": analyst.post("/api/v1/database/test_connection/", json=uri),
        "change a dataset": analyst.put(f"/api/v1/dataset/{dataset}", json={"description": "mine"}),
        "make a dataset": analyst.post(
            "/api/v1/dataset/", json={"database": database, "schema": "gold", "table_name": "mart_user_profile"}
        ),
        "change a dashboard": analyst.put(f"/api/v1/dashboard/{dashboard}", json={"dashboard_title": "mine"}),
        "delete a dashboard": analyst.delete(f"/api/v1/dashboard/{dashboard}"),
        "change a chart": analyst.put(f"/api/v1/chart/{chart}", json={"slice_name": "mine"}),
        "delete a chart": analyst.delete(f"/api/v1/chart/{chart}"),
        "see users": analyst.get("/api/v1/security/users/"),
        "see roles": analyst.get("/api/v1/security/roles/"),
        "import": analyst.post("/api/v1/assets/import/", files={"bundle": b""}),
        "export everything": analyst.get("/api/v1/assets/export/"),
    }
    assert {what: answer.status_code for what, answer in refused.items() if answer.status_code != 403} == {}


def test_the_administrator_sees_exactly_two_users(admin: Any, superset: dict[str, str]) -> None:
    users = admin.get("/api/v1/security/users/").raise_for_status().json()["result"]
    roles = {user["username"]: [role["name"] for role in user["roles"]] for user in users}
    assert roles == {superset["SUPERSET_ADMIN_USER"]: ["Admin"], superset["SUPERSET_ANALYST_USER"]: ["Analyst"]}


def test_a_stranger_sees_nothing(superset: dict[str, str]) -> None:
    with httpx.Client(base_url=superset["SUPERSET_URL"]) as stranger:
        assert stranger.get("/api/v1/dashboard/").json().get("count", 0) == 0
        assert stranger.get("/api/v1/chart/1").status_code in {401, 404}
        assert stranger.get("/api/v1/database/").status_code == 401
        assert stranger.get("/superset/welcome/").headers["location"].startswith("/login/")
        wrong = {"username": superset["SUPERSET_ADMIN_USER"], "password": "admin", "provider": "db"}
        assert stranger.post("/api/v1/security/login", json=wrong).status_code == 401


def test_a_form_without_its_token_is_refused(superset: dict[str, str], signed_in: Any) -> None:
    form = {"username": superset["SUPERSET_ADMIN_USER"], "password": superset["SUPERSET_ADMIN_PASSWORD"]}
    with httpx.Client(base_url=superset["SUPERSET_URL"]) as page:
        page.post("/login/", data=form)
        assert page.get("/api/v1/me/").status_code == 401
    # what another site could make the browser of one who has signed in send
    assert signed_in.request.get("/api/v1/me/").status == 200
    answer = signed_in.request.post("/api/v1/chart/", data={})
    assert answer.status == 400
    assert "CSRF" in answer.text()


def test_pages_may_load_nothing_from_elsewhere(superset: dict[str, str]) -> None:
    policy = httpx.get(f"{superset['SUPERSET_URL']}/login/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def set_up_again(env: dict[str, str]) -> str:
    """Runs superset-init as the launcher does, and returns what it said."""
    spec = json.loads((Path(env["FRAUD_STATE_DIR"]) / "run/services/superset-init.json").read_text(encoding="utf-8"))
    done = subprocess.run(spec["command"], env=spec["environment"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_a_second_set_up_finds_nothing_to_do(superset: dict[str, str]) -> None:
    assert set_up_again(superset) == "superset-init: nothing has changed\n"


@pytest.mark.slow
def test_what_was_lost_comes_back_with_the_next_set_up(superset: dict[str, str], admin: Any) -> None:
    chart = admin.id_of("chart", "slice_name", "Known frauds")
    assert admin.delete(f"/api/v1/chart/{chart}").status_code == 200
    before = {kind: admin.get(f"/api/v1/{kind}/").json()["count"] for kind in ("database", "dataset", "dashboard")}
    with psycopg.connect(
        host="127.0.0.1",
        port=superset["POSTGRES_PORT"],
        user="superset",
        password=superset["SUPERSET_DB_PASSWORD"],
        dbname="superset",
    ) as connection:
        connection.execute("DELETE FROM fraud_watch_init")
    kinds = ("databases", "datasets", "charts", "dashboards")
    told = ", ".join(f"{len(list((ASSETS / kind).rglob('*.yaml')))} {kind}" for kind in kinds)
    assert told in set_up_again(superset)
    admin.id_of("chart", "slice_name", "Known frauds")
    after = {kind: admin.get(f"/api/v1/{kind}/").json()["count"] for kind in before}
    assert after == before


@pytest.mark.slow
def test_passwords_cannot_be_tried_out_at_will(superset: dict[str, str]) -> None:
    with httpx.Client(base_url=superset["SUPERSET_URL"]) as stranger:
        token = re.findall(r'id="csrf_token"\s+value="([^"]+)"', stranger.get("/login/").text)[0]
        form = {"username": "admin", "password": "x", "csrf_token": token}
        at_the_form = [stranger.post("/login/", data=form).status_code for _ in range(15)]
        body = {"username": "admin", "password": "x", "provider": "db"}
        by_rest = [stranger.post("/api/v1/security/login", json=body).status_code for _ in range(15)]
    assert (at_the_form[-1], by_rest[-1]) == (429, 429)


def test_superset_listens_on_loopback_only(superset: dict[str, str], stack: Any) -> None:
    stack.assert_loopback_only("SUPERSET_PORT")
