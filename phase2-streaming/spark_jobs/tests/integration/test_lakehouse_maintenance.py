"""Vacuum of a table that Trino writes, on the object store."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from fraud_contracts import CATALOG, SILVER
from fraud_stream.errors import LakehouseError
from fraud_stream.lakehouse_maintenance import vacuum
from fraud_stream.streams import Layout

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MARGIN = timedelta(seconds=3)


@pytest.fixture
def schema(trino: Any, layout: Layout) -> Iterator[str]:
    """A schema with one table: version 1 has three rows, versions 2 and 3 rewrite them."""
    name = f"{layout.namespace}vacuum"
    trino.query(f"CREATE SCHEMA {CATALOG}.{name} WITH (location = 's3://{layout.bucket}/{SILVER}')")
    table = f"{CATALOG}.{name}.mart"
    trino.query(f"CREATE TABLE {table} (id integer, note varchar)")
    trino.query(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'a'), (3, 'a')")
    for note in ("b", "c"):
        time.sleep(2 * MARGIN.total_seconds())
        trino.query(f"UPDATE {table} SET note = '{note}'")
    # what is kept for no time at all goes at once: tests do not wait for days
    trino.query(f"SET SESSION {CATALOG}.vacuum_min_retention = '0s'")
    yield name
    trino.query(f"DROP TABLE {table}")
    trino.query(f"DROP SCHEMA {CATALOG}.{name}")


def notes(trino: Any, schema: str, version: int) -> list[list[str]]:
    return list(trino.query(f"SELECT DISTINCT note FROM {CATALOG}.{schema}.mart FOR VERSION AS OF {version}"))


def test_the_version_that_a_model_names_stays_until_the_model_goes(trino: Any, schema: str) -> None:
    assert [notes(trino, schema, version) for version in (1, 2, 3)] == [[["a"]], [["b"]], [["c"]]]
    pins = {(schema, "mart"): frozenset({2, 99})}
    (one,) = vacuum(trino, pins, timedelta(0), [schema], MARGIN)
    assert (one.table, one.lost) == ("mart", (99,))
    assert [notes(trino, schema, version) for version in (2, 3)] == [[["b"]], [["c"]]]
    with pytest.raises(LakehouseError):
        notes(trino, schema, 1)
    vacuum(trino, {}, timedelta(0), [schema], MARGIN)
    assert notes(trino, schema, 3) == [["c"]]
    with pytest.raises(LakehouseError):
        notes(trino, schema, 2)


def test_within_the_retention_every_version_stays(trino: Any, schema: str) -> None:
    (one,) = vacuum(trino, {}, timedelta(days=30), [schema])
    assert one.kept == timedelta(days=30)
    assert [notes(trino, schema, version) for version in (1, 2, 3)] == [[["a"]], [["b"]], [["c"]]]
