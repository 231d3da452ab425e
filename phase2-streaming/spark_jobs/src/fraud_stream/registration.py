"""Bronze in Trino's catalog: schemas at their places in the bucket, and the tables that Spark made."""

import time

from fraud_contracts import BRONZE, CATALOG, GOLD, SILVER
from fraud_stream.errors import LakehouseError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Layout

POLL_SECONDS = 2.0


def create_schemas(lakehouse: Lakehouse, bucket: str) -> None:
    """Create bronze, silver and gold where they are missing."""
    for schema in (BRONZE, SILVER, GOLD):
        lakehouse.query(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{schema} WITH (location = 's3://{bucket}/{schema}')")


def registered_tables(lakehouse: Lakehouse) -> set[str]:
    """Bare names of the tables in schema bronze."""
    return {str(row[0]) for row in lakehouse.query(f"SHOW TABLES FROM {CATALOG}.{BRONZE}")}


def register_tables(lakehouse: Lakehouse, layout: Layout, wait_seconds: float = 0) -> list[str]:
    """Register whatever table of ``layout`` Trino does not know, waiting for the Delta logs to appear.

    Returns the tables that do not exist yet: their writer has not run.
    """
    deadline = time.monotonic() + wait_seconds
    known = registered_tables(lakehouse)
    missing = {table: f"s3://{layout.bucket}/{key}" for table, key in layout.tables().items() if table not in known}
    while True:
        missing = {table: location for table, location in missing.items() if not _register(lakehouse, table, location)}
        if not missing or time.monotonic() >= deadline:
            return list(missing)
        time.sleep(POLL_SECONDS)


def require_tables(lakehouse: Lakehouse, layout: Layout) -> None:
    """Make sure that every table of ``layout`` can be queried.

    Raises:
        LakehouseError: the Bronze writer has not created one of them yet.
    """
    absent = register_tables(lakehouse, layout)
    if absent:
        raise LakehouseError(f"there is no Delta table bronze.{absent[0]} yet; start the Bronze writer, it creates it")


def _register(lakehouse: Lakehouse, table: str, location: str) -> bool:
    try:
        lakehouse.query(f"CALL {CATALOG}.system.register_table('{BRONZE}', '{table}', '{location}')")
    except LakehouseError as error:
        if "No transaction log found" in str(error):
            return False
        if "already exists" not in str(error):
            raise
    return True
