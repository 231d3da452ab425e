"""One query to Trino, its answer as a table."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table


def print_query(query: str, variables: Mapping[str, str], user: str, console: Console) -> None:
    """Runs a query as a Trino user (``reader`` may only read) and prints the rows.

    Raises:
        trino.exceptions.TrinoQueryError: Trino refuses the query.
    """
    import trino  # noqa: PLC0415 - only this command needs it

    host, _, port = variables["TRINO_URL"].rpartition("//")[2].partition(":")
    connect = trino.dbapi.Connection
    cursor = connect(host=host, port=int(port), user=user, catalog="delta").cursor()
    cursor.execute(query)
    rows = cursor.fetchall()
    table = Table(*(column[0] for column in cursor.description or ()), box=None)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
    console.print(f"{len(rows)} rows", style="dim")
