"""Bronze of one namespace as dbt reads it, and the Silver and Gold that it makes of it, in schemas of their own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from fraud_benchmarks.bronze.landed import Found
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_contracts import BRONZE, CATALOG, GOLD, LABELS, SILVER, TRANSACTIONS
from fraud_stream.errors import LakehouseError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Layout

# of each Bronze table that is counted, the models that keep each of its messages
KEPT_IN: Final = {
    TRANSACTIONS.table: (f"{SILVER}.int_transactions", f"{GOLD}.mart_fraud_features"),
    LABELS.table: (f"{SILVER}.int_labels_as_of",),
}


@dataclass(frozen=True, slots=True)
class Content:
    """Rows of a table, and a checksum over every column of all of them that knows no order."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Lake:
    """The schemas with one prefix."""

    lakehouse: Lakehouse
    prefix: str

    def register(self, layout: Layout) -> None:
        """Make the tables of a namespace the Bronze of these schemas."""
        for table, key in layout.tables().items():
            name, place = table.removeprefix(layout.namespace), f"s3://{layout.bucket}/{key}"
            self.lakehouse.query(f"CALL {CATALOG}.system.register_table('{self.prefix}{BRONZE}', '{name}', '{place}')")

    def newest_offsets(self, table: str) -> dict[int, int]:
        """Largest offset in a table of Bronze, by partition."""
        rows = self.lakehouse.query(f"SELECT _partition, max(_offset) FROM {self._bronze(table)} GROUP BY 1")  # noqa: S608
        return {partition: offset for partition, offset in rows}  # noqa: C416 - rows are lists

    def coordinates(self, table: str) -> dict[int, Found]:
        """What a table of Bronze holds of each partition."""
        figures = "count(*), count(DISTINCT _offset), min(_offset), max(_offset)"
        rows = self.lakehouse.query(f"SELECT _partition, {figures} FROM {self._bronze(table)} GROUP BY 1")  # noqa: S608
        return {partition: Found(*found) for partition, *found in rows}

    def rows(self, table: str) -> int:
        """Rows of ``schema.table``, the schema without its prefix."""
        ((count,),) = self.lakehouse.query(f"SELECT count(*) FROM {CATALOG}.{self.prefix}{table}")  # noqa: S608
        return int(count)

    def contents(self) -> dict[str, Content]:
        """The content of every table of Silver and Gold, by ``schema.table``."""
        return {f"{schema}.{name}": self._content(schema, name) for schema, name, kind in self._all() if kind != "VIEW"}

    def drop(self) -> None:
        """Remove the schemas with all that is in them; Bronze's files stay, they are Spark's."""
        for schema, name, kind in self._all(BRONZE):
            what = "VIEW" if kind == "VIEW" else "TABLE"
            self.lakehouse.query(f"DROP {what} IF EXISTS {CATALOG}.{self.prefix}{schema}.{name}")
        for schema in (GOLD, SILVER, BRONZE):
            self.lakehouse.query(f"DROP SCHEMA IF EXISTS {CATALOG}.{self.prefix}{schema}")

    def _bronze(self, table: str) -> str:
        return f"{CATALOG}.{self.prefix}{BRONZE}.{table}"

    def _all(self, *more: str) -> list[tuple[str, str, str]]:
        """Schema without prefix, name and kind of every table and view."""
        schemas = ", ".join(f"'{self.prefix}{schema}'" for schema in (*more, SILVER, GOLD))
        rows = self.lakehouse.query(
            f"SELECT table_schema, table_name, table_type FROM {CATALOG}.information_schema.tables "  # noqa: S608
            f"WHERE table_schema IN ({schemas}) ORDER BY 1, 2"
        )
        return [(schema.removeprefix(self.prefix), name, kind) for schema, name, kind in rows]

    def _content(self, schema: str, name: str) -> Content:
        columns = self.lakehouse.query(
            f"SELECT column_name FROM {CATALOG}.information_schema.columns "  # noqa: S608
            f"WHERE table_schema = '{self.prefix}{schema}' AND table_name = '{name}' ORDER BY 1"
        )
        row = ", ".join(f'"{column}"' for (column,) in columns)
        ((rows, checksum),) = self.lakehouse.query(
            f"SELECT count(*), to_hex(checksum(row({row}))) FROM {CATALOG}.{self.prefix}{schema}.{name}"  # noqa: S608
        )
        # an empty table has no checksum
        return Content(int(rows), checksum or "")


@contextmanager
def lake(stack: PlatformStack, lakehouse: Lakehouse, prefix: str) -> Iterator[Lake]:
    """Schemas with a prefix of their own, and an empty table of decisions beside them; all are removed in the end."""
    made = Lake(lakehouse, prefix)
    for schema in (BRONZE, SILVER, GOLD):
        # the metastore may only name folders that exist; each table gets one of its own in there
        place = f"s3://{stack.env['S3_BUCKET']}/{SILVER if schema == BRONZE else schema}"
        lakehouse.query(f"CREATE SCHEMA {CATALOG}.{prefix}{schema} WITH (location = '{place}')")
    with _decisions(stack) as database:
        database.execute(f"CREATE SCHEMA {prefix}public".encode())
        database.execute(f"CREATE TABLE {prefix}public.decisions (LIKE public.decisions INCLUDING ALL)".encode())
        database.execute(f"GRANT USAGE ON SCHEMA {prefix}public TO fraud_reader".encode())
        database.execute(f"GRANT SELECT ON {prefix}public.decisions TO fraud_reader".encode())
    try:
        yield made
    except BaseException:
        # why it failed is worth more than that a server which is gone cannot clean up either
        with suppress(LakehouseError, psycopg.Error):
            _remove(stack, made)
        raise
    _remove(stack, made)


def _remove(stack: PlatformStack, made: Lake) -> None:
    made.drop()
    with _decisions(stack) as database:
        database.execute(f"DROP SCHEMA {made.prefix}public CASCADE".encode())


def _decisions(stack: PlatformStack) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=stack.env["POSTGRES_HOST"],
        port=stack.env["POSTGRES_CONNECT_PORT"],
        user="fraud",
        password=stack.env["FRAUD_DB_PASSWORD"],
        dbname="fraud",
    )
