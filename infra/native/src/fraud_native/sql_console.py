"""One query to Trino, its answer as a table."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from fraud_native.trino_client import connect


def print_query(query: str, variables: Mapping[str, str], user: str, console: Console) -> None:
    """Runs a query as a Trino user (``reader`` may only read) and prints the rows.

    Raises:
        trino.exceptions.Error: Trino does not answer, or refuses the query.
    """
    cursor = connect(variables, user).cursor()
    cursor.execute(query)
    rows = cursor.fetchall()
    table = Table(*(column[0] for column in cursor.description or ()), box=None)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
    console.print(f"{len(rows)} rows", style="dim")
