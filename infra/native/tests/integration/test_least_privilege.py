"""Each component may do what it must and nothing else: object store, PostgreSQL and Trino."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import psycopg
import pytest
import redis
import trino
from botocore.exceptions import ClientError
from trino.exceptions import TrinoExternalError, TrinoQueryError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PREFIXES = ("bronze", "quarantine", "checkpoints", "silver", "gold", "operations", "mlflow")
MAY_WRITE = {
    "SPARK": {"bronze", "quarantine", "checkpoints"},
    "TRINO": {"silver", "gold", "operations"},
    "METASTORE": set(),
    "MLFLOW": {"mlflow"},
    "GOLD_READER": set(),
    "CHECKPOINT_READER": set(),
}
MAY_READ = {
    "SPARK": {"bronze", "quarantine", "checkpoints"},
    "TRINO": {"bronze", "quarantine", "silver", "gold", "operations"},
    "METASTORE": {"bronze", "quarantine", "silver", "gold", "operations"},
    "MLFLOW": {"mlflow"},
    "GOLD_READER": {"gold"},
    "CHECKPOINT_READER": {"checkpoints"},
}


def object_store(env: dict[str, str], key: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        region_name=env["S3_REGION"],
        aws_access_key_id=env[key],
        aws_secret_access_key=env[secret],
    )


@pytest.fixture(scope="module")
def probes(stack: Any) -> Iterator[str]:
    """Name of an object that the administrator has put into every prefix."""
    stack.need("minio-init")
    root = object_store(stack.env, "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD")
    name = f"probe-{os.getpid()}"
    for prefix in PREFIXES:
        root.put_object(Bucket=stack.env["S3_BUCKET"], Key=f"{prefix}/{name}", Body=b"1")
    yield name
    for prefix in PREFIXES:
        root.delete_object(Bucket=stack.env["S3_BUCKET"], Key=f"{prefix}/{name}")


@pytest.mark.parametrize("user", MAY_WRITE)
def test_each_user_of_the_object_store_reads_and_writes_its_own_prefixes_only(
    stack: Any, probes: str, user: str
) -> None:
    client = object_store(stack.env, f"{user}_S3_ACCESS_KEY", f"{user}_S3_SECRET_KEY")
    bucket = stack.env["S3_BUCKET"]

    def allowed(call: Any, **arguments: Any) -> bool:
        try:
            call(Bucket=bucket, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    keys = {prefix: f"{prefix}/{probes}" for prefix in PREFIXES}
    assert {p for p, key in keys.items() if allowed(client.get_object, Key=key)} == MAY_READ[user]
    assert {p for p, key in keys.items() if allowed(client.put_object, Key=key, Body=b"2")} == MAY_WRITE[user]
    assert {p for p in keys if allowed(client.list_objects_v2, Prefix=f"{p}/", MaxKeys=1)} == MAY_READ[user]
    assert not allowed(client.list_objects_v2, MaxKeys=1), "nobody lists the whole bucket"


def connect(env: dict[str, str], role: str, password: str, database: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=env["POSTGRES_HOST"],
        port=env["POSTGRES_CONNECT_PORT"],
        user=role,
        password=env[password],
        dbname=database,
        autocommit=True,
    )


@pytest.mark.parametrize("role", ["registry", "metastore", "airflow", "mlflow", "superset", "fraud"])
def test_a_database_role_enters_its_own_database_only(stack: Any, role: str) -> None:
    stack.need("postgres-init")
    password = f"{role.upper()}_DB_PASSWORD"
    with connect(stack.env, role, password, role) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
    for other in {"registry", "metastore", "airflow", "mlflow", "superset", "fraud", "postgres"} - {role}:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(stack.env, role, password, other)


def test_decisions_can_be_added_and_read_but_not_changed_by_those_who_serve(stack: Any) -> None:
    stack.need("postgres-init")
    table = f"probe_{os.getpid()}"
    with connect(stack.env, "fraud", "FRAUD_DB_PASSWORD", "fraud") as owner:
        owner.execute(f"CREATE TABLE {table} (id bigserial PRIMARY KEY, note text)")
        try:
            with connect(stack.env, "fraud_api", "FRAUD_API_DB_PASSWORD", "fraud") as api:
                api.execute(f"INSERT INTO {table} (note) VALUES ('kept')")
                for refused in (f"UPDATE {table} SET note = ''", f"DELETE FROM {table}", f"DROP TABLE {table}"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        api.execute(refused)
            with connect(stack.env, "fraud_reader", "FRAUD_READER_DB_PASSWORD", "fraud") as reader:
                assert reader.execute(f"SELECT note FROM {table}").fetchall() == [("kept",)]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"INSERT INTO {table} (note) VALUES ('no')")
        finally:
            owner.execute(f"DROP TABLE {table}")


def test_the_exporter_reads_the_databases_figures_and_nothing_in_them(stack: Any) -> None:
    stack.need("postgres-init")
    with connect(stack.env, "metrics", "METRICS_DB_PASSWORD", "postgres") as connection:
        sizes = dict(connection.execute("SELECT datname, pg_database_size(datname) FROM pg_database").fetchall())
        assert sizes["fraud"] > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT rolpassword FROM pg_authid")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id integer)")
    for other in ("registry", "metastore", "airflow", "mlflow", "superset", "fraud"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(stack.env, "metrics", "METRICS_DB_PASSWORD", other)


def test_the_exporter_reads_the_online_stores_figures_and_no_key_and_no_setting(stack: Any) -> None:
    stack.need("redis")
    client = redis.Redis(
        host=stack.env["REDIS_HOST"],
        port=int(stack.env["REDIS_CONNECT_PORT"]),
        username="metrics",
        password=stack.env["REDIS_METRICS_PASSWORD"],
    )
    assert client.info()["used_memory"] > 0
    for refused in (["GET", "x"], ["SET", "x", "1"], ["SCAN", "0"], ["CONFIG", "GET", "requirepass"], ["FLUSHALL"]):
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*refused)


def test_trinos_figures_are_for_prometheus_only_and_it_may_ask_nothing_else(stack: Any) -> None:
    stack.need("trino")
    page = f"{stack.env['TRINO_URL']}/metrics?name[]=trino_execution_name_QueryManager_RunningQueries"
    assert httpx.get(page, auth=("prometheus", "")).status_code == httpx.codes.OK
    assert httpx.get(page, auth=("reader", "")).status_code == httpx.codes.FORBIDDEN
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        ask(stack.env, "prometheus", "SELECT 1")


def ask(env: dict[str, str], user: str, *statements: str) -> list[list[Any]]:
    """Runs statements in one session and returns the last one's rows."""
    connection = trino.dbapi.connect(host="127.0.0.1", port=int(env["TRINO_PORT"]), user=user, catalog="delta")
    rows: list[list[Any]] = []
    for statement in statements:
        rows = connection.cursor().execute(statement).fetchall()
    return rows


@pytest.fixture(scope="module")
def gold_table(stack: Any) -> Iterator[str]:
    stack.need("lakehouse-init")
    table = f"gold.probe_{os.getpid()}"
    ask(stack.env, "dbt", f"CREATE TABLE {table} AS SELECT 1 AS id, 'a' AS note")
    yield table
    ask(stack.env, "dbt", f"DROP TABLE {table}")


def test_dbt_writes_gold_and_merges_exactly_the_named_rows(stack: Any, gold_table: str) -> None:
    ask(stack.env, "dbt", f"INSERT INTO {gold_table} VALUES (2, 'b')")
    ask(stack.env, "dbt", f"UPDATE {gold_table} SET note = 'c' WHERE id = 2")
    assert ask(stack.env, "reader", f"SELECT id, note FROM {gold_table} ORDER BY 1") == [[1, "a"], [2, "c"]]


# Not among these: ALTER TABLE … EXECUTE optimize, which the file rules of Trino 476 allow to whoever may SELECT. It
# rewrites files and keeps the rows.
@pytest.mark.parametrize("user", ["reader", "trainer"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE gold.mine (id integer)",
        "DELETE FROM {table}",
        "DROP TABLE {table}",
        "CREATE SCHEMA mine",
        "CALL delta.system.unregister_table('gold', 'mine')",
    ],
)
def test_readers_change_nothing(stack: Any, gold_table: str, user: str, statement: str) -> None:
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        ask(stack.env, user, statement.format(table=gold_table))


def test_training_sees_gold_and_not_silver(stack: Any, gold_table: str) -> None:
    silver_table = gold_table.replace("gold.", "silver.")
    ask(stack.env, "dbt", f"CREATE TABLE {silver_table} AS SELECT 1 AS id")
    try:
        assert ask(stack.env, "reader", f"SELECT * FROM {silver_table}") == [[1]]
        with pytest.raises(TrinoQueryError, match="Access Denied"):
            ask(stack.env, "trainer", f"SELECT * FROM {silver_table}")
    finally:
        ask(stack.env, "dbt", f"DROP TABLE {silver_table}")
    assert ask(stack.env, "trainer", f"SELECT count(*) FROM {gold_table}")[0][0] >= 1


def test_a_user_that_nobody_knows_sees_nothing(stack: Any, gold_table: str) -> None:
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        ask(stack.env, "somebody", f"SELECT * FROM {gold_table}")


def test_nobody_turns_the_dangerous_parquet_reader_on(stack: Any, gold_table: str) -> None:
    for user in ("dbt", "reader", "trainer"):
        with pytest.raises(TrinoQueryError, match="Access Denied"):
            ask(stack.env, user, "SET SESSION delta.parquet_use_column_index = true", f"SELECT * FROM {gold_table}")


def test_bronze_belongs_to_spark_even_for_dbt(stack: Any, gold_table: str) -> None:
    statement = f"CREATE TABLE bronze.probe_{os.getpid()} AS SELECT 1 AS id"
    # the object store refuses it, whatever Trino's rules say
    with pytest.raises(TrinoExternalError, match=r"Error committing write|Access Denied"):
        ask(stack.env, "dbt", statement)
