"""What customers told about themselves, asked for by somebody who may look around in the lakehouse."""

import random
import string
from collections.abc import Iterator
from typing import Any

import pytest
import trino
from trino.exceptions import TrinoUserError

pytestmark = pytest.mark.integration


def ask(env: dict[str, str], user: str, statement: str) -> list[list[Any]]:
    connection = trino.dbapi.connect(host="127.0.0.1", port=int(env["TRINO_PORT"]), user=user, catalog="delta")
    return connection.cursor().execute(statement).fetchall()


@pytest.fixture(scope="module")
def profiles(stack: Any) -> Iterator[str]:
    """A table of profiles in a schema of this test."""
    stack.need("lakehouse-init")
    schema = "it_" + "".join(random.choices(string.ascii_lowercase, k=6)) + "_bronze"
    ask(stack.env, "dbt", f"CREATE SCHEMA {schema} WITH (location = 's3://{stack.env['S3_BUCKET']}/silver')")
    table = f"{schema}.kyc_profiles"
    try:
        ask(
            stack.env,
            "dbt",
            f"CREATE TABLE {table} WITH (partitioned_by = ARRAY['event_date']) AS SELECT 'k1' AS kyc_change_id, "
            "BIGINT '7' AS _offset, 31500 AS annual_income, 1950 AS birth_year, DATE '2026-03-10' AS event_date",
        )
        yield table
    finally:
        ask(stack.env, "dbt", f"DROP TABLE IF EXISTS {table}")
        ask(stack.env, "dbt", f"DROP SCHEMA {schema}")


def test_a_reader_sees_that_there_are_profiles(stack: Any, profiles: str) -> None:
    assert ask(stack.env, "reader", f"SELECT kyc_change_id, _offset, event_date FROM {profiles}")[0][:2] == ["k1", 7]
    assert ask(stack.env, "reader", f"SELECT count(*) FROM {profiles}") == [[1]]
    schema, _, table = profiles.partition(".")
    days = f'SELECT max(partition.event_date) FROM {schema}."{table}$partitions"'
    assert str(ask(stack.env, "reader", days)[0][0]) == "2026-03-10"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT annual_income FROM {table}",
        "SELECT count(*) FROM {table} WHERE birth_year < 1960",
        "SELECT * FROM {table}",
        "SHOW STATS FOR {table}",
        'SELECT data FROM {schema}."kyc_profiles$partitions"',
    ],
)
def test_and_nothing_of_what_they_say_of_a_person(stack: Any, profiles: str, statement: str) -> None:
    filled = statement.format(table=profiles, schema=profiles.partition(".")[0])
    # whoever transforms the data may: the statement itself is right
    assert ask(stack.env, "dbt", filled)
    with pytest.raises(TrinoUserError, match="Access Denied"):
        ask(stack.env, "reader", filled)
