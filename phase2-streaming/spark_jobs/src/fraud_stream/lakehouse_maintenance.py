"""Vacuum of the tables that Trino writes; what a registered model names stays readable.

Trino's vacuum keeps every file that a version within its retention needs, and Trino never cuts a table's log. So a
table that models name is given a retention that reaches back to the oldest version they name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fraud_contracts import CATALOG, GOLD, SILVER
from fraud_stream.dispositions import SCHEMA as OPERATIONS
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.lakehouse_figures import UNFINISHED
from fraud_stream.model_pins import Pins

SCHEMAS: Final = (SILVER, GOLD, OPERATIONS)
# between looking at a version's age and vacuum's own look at the clock
MARGIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """One table, and how far back it can be read now."""

    schema: str
    table: str
    kept: timedelta
    # versions that models name and that were gone before
    lost: tuple[int, ...] = ()


def vacuum(
    lakehouse: Lakehouse,
    pins: Pins,
    retention: timedelta,
    schemas: Sequence[str] = SCHEMAS,
    margin: timedelta = MARGIN,
) -> list[Vacuumed]:
    """Vacuum every table of the schemas; ``pins`` are the versions that models name.

    Raises:
        LakehouseError: Trino does not answer or refuses; the tables before that one are done.
    """
    done = []
    for schema in schemas:
        for table in _tables(lakehouse, schema):
            pinned = pins.get((schema, table), frozenset())
            ages = _ages(lakehouse, schema, table, pinned)
            kept = max([retention, *(age + margin for age in ages.values())])
            seconds = int(kept.total_seconds())
            lakehouse.query(f"CALL {CATALOG}.system.vacuum('{schema}', '{table}', '{seconds}s')")
            done.append(Vacuumed(schema, table, kept, tuple(sorted(pinned - ages.keys()))))
    return done


def _tables(lakehouse: Lakehouse, schema: str) -> list[str]:
    rows = lakehouse.query(
        f"SELECT table_name FROM {CATALOG}.information_schema.tables "  # noqa: S608 - own names
        "WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY 1",
        [schema],
    )
    return [str(name) for (name,) in rows if UNFINISHED not in name]


def _ages(lakehouse: Lakehouse, schema: str, table: str, versions: frozenset[int]) -> dict[int, timedelta]:
    """How long ago each version was committed; one that the log does not know is absent."""
    if not versions:
        return {}
    # No upper end: Trino reads the log up to the one that a condition names, and finds nothing where that is not there.
    rows = lakehouse.query(
        f"SELECT version, date_diff('second', timestamp, current_timestamp) "  # noqa: S608
        f'FROM {CATALOG}.{schema}."{table}$history" WHERE version >= {min(versions):d}'
    )
    return {int(version): timedelta(seconds=int(age) + 1) for version, age in rows if int(version) in versions}
