"""Trino changes the rows that a statement names, in files with a page index as Spark writes them.

With the column index in use, Trino 476 skips pages and then counts rows from the wrong place: DELETE, UPDATE and MERGE
touch as many rows as they should, but others (trino#28885). What holds it off is one property of the catalog, and that
no session can take it back.
"""

import io
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trino.dbapi
from trino.exceptions import TrinoQueryError

pytestmark = pytest.mark.integration

Rows = dict[int, tuple[str, int]]

ROWS = 60_000
PAGE_ROWS = 1_000
GUARD = "parquet_use_column_index"
# who works with which catalog over Delta tables
CATALOGS = {"dbt": "delta", "reader": "delta", "trainer": "delta", "superset": "serving"}

# in the middle of a page, at both ends of one, in the last one
NAMED = (17_342, 31_000, 31_999, ROWS - 1)
NEW = ROWS + 5


@dataclass(frozen=True)
class Change:
    """A statement on ``{table}``, and what it makes of the rows."""

    sql: str
    expected: Callable[[Rows], Rows]


def without(*ids: int) -> Callable[[Rows], Rows]:
    return lambda rows: {key: row for key, row in rows.items() if key not in ids}


def doubled(*ids: int) -> Callable[[Rows], Rows]:
    return lambda rows: rows | {key: (rows[key][0], 2 * rows[key][1]) for key in ids}


CHANGES = {
    "delete one": Change(f"delete from {{table}} where id = {NAMED[0]}", without(NAMED[0])),
    "delete some": Change(f"delete from {{table}} where id in {NAMED}", without(*NAMED)),
    "update": Change(f"update {{table}} set cents = cents * 2 where id in {NAMED}", doubled(*NAMED)),
    "merge": Change(
        f"""
        merge into {{table}} as kept
        using (values ({NAMED[0]}, true), ({NAMED[1]}, false), ({NAMED[3]}, false), ({NEW}, false)) as fresh (id, gone)
            on kept.id = fresh.id
        when matched and fresh.gone then delete
        when matched then update set cents = kept.cents * 2
        when not matched then insert (id, name, cents) values (fresh.id, 'new', 1)
        """,
        lambda rows: without(NAMED[0])(doubled(NAMED[1], NAMED[3])(rows)) | {NEW: ("new", 1)},
    ),
}


def paged_file() -> tuple[bytes, Rows]:
    """A Parquet file sorted by ``id`` with many pages and the index of them, as Spark writes it; and its rows."""
    rows = {number: (f"n{number * 7919 % ROWS}", number * 13 % 9_973) for number in range(ROWS)}
    table = pa.table(
        {
            "id": pa.array(rows, pa.int64()),
            "name": [name for name, _ in rows.values()],
            "cents": pa.array([cents for _, cents in rows.values()], pa.int64()),
        }
    )
    file = io.BytesIO()
    pq.write_table(
        table, file, write_page_index=True, use_dictionary=False, data_page_size=1, write_batch_size=PAGE_ROWS
    )
    content = file.getvalue()
    columns = [
        pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(number) for number in range(len(table.schema))
    ]
    assert all(column.has_column_index and column.has_offset_index for column in columns), "Trino would have no pages"
    return content, rows


def first_commit(content: bytes) -> bytes:
    """The log entry with which a Delta table of this one file begins."""
    types = {"id": "long", "name": "string", "cents": "long"}
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in types.items()]
    actions = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {
            "metaData": {
                "id": "00000000-0000-4000-8000-000000000001",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": [],
                "configuration": {},
                "createdTime": 0,
            }
        },
        {
            "add": {
                "path": "part-0.snappy.parquet",
                "partitionValues": {},
                "size": len(content),
                "modificationTime": 0,
                "dataChange": True,
                "stats": json.dumps({"numRecords": ROWS}),
            }
        },
    ]
    return "\n".join(json.dumps(action) for action in actions).encode()


def ask(env: dict[str, str], user: str, *statements: str, **session: str) -> list[Any]:
    """What Trino answers to the last of the statements of one session."""
    host, _, port = env["TRINO_URL"].rpartition("//")[2].partition(":")
    with trino.dbapi.connect(
        host=host, port=int(port), user=user, catalog=CATALOGS[user], session_properties=session
    ) as connection:
        for statement in statements:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = list(cursor.fetchall())
    return rows


def content_of(env: dict[str, str], table: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row) for row in ask(env, "dbt", f"select id, name, cents from {table}"))


def content(rows: Rows) -> Counter[tuple[Any, ...]]:
    return Counter((key, *row) for key, row in rows.items())


@pytest.fixture(scope="module")
def schema(stack: Any) -> Iterator[str]:
    stack.need("trino", "lakehouse-init")
    name = f"delta.it_{secrets.token_hex(4)}"
    # the metastore may only name folders that exist
    ask(stack.env, "dbt", f"create schema {name} with (location = 's3://{stack.env['S3_BUCKET']}/silver')")
    yield name
    ask(stack.env, "dbt", f"drop schema {name}")


@pytest.fixture(scope="module")
def paged() -> tuple[bytes, Rows]:
    return paged_file()


@pytest.fixture
def table(stack: Any, schema: str, paged: tuple[bytes, Rows]) -> Iterator[str]:
    """A table of one file with many pages, which Trino did not write."""
    env = stack.env
    session = boto3.Session(env["MINIO_ROOT_USER"], env["MINIO_ROOT_PASSWORD"])
    s3 = session.resource("s3", endpoint_url=env["S3_ENDPOINT_URL"], region_name=env["S3_REGION"])
    bucket = s3.Bucket(env["S3_BUCKET"])
    name = f"paged_{secrets.token_hex(4)}"
    folder = f"silver/{name}/"
    bucket.put_object(Key=f"{folder}part-0.snappy.parquet", Body=paged[0])
    bucket.put_object(Key=f"{folder}_delta_log/{0:020}.json", Body=first_commit(paged[0]))
    where = f"s3://{bucket.name}/{folder}"
    catalog, _, plain = schema.partition(".")
    ask(env, "dbt", f"call {catalog}.system.register_table('{plain}', '{name}', '{where}')")
    yield f"{schema}.{name}"
    ask(env, "dbt", f"call {catalog}.system.unregister_table('{plain}', '{name}')")
    bucket.objects.filter(Prefix=folder).delete()


@pytest.mark.parametrize("kind", CHANGES)
def test_a_statement_changes_the_rows_that_it_names_and_no_other(
    stack: Any, table: str, paged: tuple[bytes, Rows], kind: str
) -> None:
    change = CHANGES[kind]
    assert content_of(stack.env, table) == content(paged[1])
    ask(stack.env, "dbt", change.sql.format(table=table))
    found, expected = content_of(stack.env, table), content(change.expected(paged[1]))
    wrongly = {"lost": sorted(expected - found), "there": sorted(found - expected)}
    assert wrongly == {"lost": [], "there": []}


@pytest.mark.parametrize("user", CATALOGS)
def test_trino_reads_without_the_column_index(stack: Any, user: str) -> None:
    stack.need("trino", "lakehouse-init")
    ((_, value, default, *_),) = ask(stack.env, user, f"show session like '{CATALOGS[user]}.{GUARD}'")
    assert (value, default) == ("false", "false"), f"{CATALOGS[user]}.properties lets {user} use it"


@pytest.mark.parametrize("user", CATALOGS)
def test_no_session_takes_the_column_index_back(stack: Any, user: str) -> None:
    stack.need("trino", "lakehouse-init")
    guarded = f"{CATALOGS[user]}.{GUARD}"
    tables = f"select count(*) from {CATALOGS[user]}.information_schema.tables"
    assert ask(stack.env, user, tables)
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        ask(stack.env, user, f"set session {guarded} = true", tables)
    # as a setting of the connection, which no statement shows
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        ask(stack.env, user, tables, **{guarded: "true"})
