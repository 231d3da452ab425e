"""Questions to Trino."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from trino.dbapi import Connection, connect
from trino.exceptions import Error as TrinoError

from fraud_contracts import CATALOG
from fraud_stream.errors import LakehouseError
from fraud_stream.offset_ranges import OffsetRanges
from fraud_stream.streams import trino_table

BATCH_USER = "dbt"
# may look at every layer and change none
READING_USER = "reader"
REQUEST_SECONDS = 30.0


class Lakehouse:
    """A connection to Trino under a named user; use it as a context manager."""

    def __init__(self, trino_url: str, user: str = BATCH_USER) -> None:
        address = urlsplit(trino_url)
        self._url = trino_url
        self._connection: Connection = connect(
            host=address.hostname or "127.0.0.1",
            port=address.port or 8080,
            user=user,
            catalog=CATALOG,
            http_scheme=address.scheme,
            source="fraud-stream",
            request_timeout=REQUEST_SECONDS,
            max_attempts=3,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> list[list[Any]]:
        """All rows of one statement; ``?`` in it are filled from ``parameters``.

        Raises:
            LakehouseError: Trino does not answer or refuses the statement.
        """
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement, parameters)
            return [list(row) for row in cursor.fetchall()]
        except TrinoError as error:
            raise LakehouseError(f"Trino at {self._url} refused: {error}") from error
        except OSError as error:
            raise LakehouseError(f"Trino at {self._url} does not answer: {error}") from error
        finally:
            cursor.close()

    def newest_offsets(self, topic: str, tables: Sequence[str]) -> dict[int, int]:
        """Largest offset of a topic in any of the Bronze tables, by partition; partitions without a row are absent."""
        union = " UNION ALL ".join(
            f"SELECT _partition, _offset FROM {trino_table(table)} WHERE _topic = ?"  # noqa: S608 - names from contracts
            for table in tables
        )
        rows = self.query(f"SELECT _partition, max(_offset) FROM ({union}) GROUP BY 1", [topic] * len(tables))  # noqa: S608
        return {int(partition): int(offset) for partition, offset in rows}

    def landed_offsets(self, topic: str, table: str) -> dict[int, dict[int, OffsetRanges]]:
        """By partition, the offsets that a Bronze table holds once, twice, and so on: ``{partition: {times: set}}``.

        Trino folds neighbours into ranges, so that an intact partition comes back as one row however long it is.
        """
        rows = self.query(
            f"""
            WITH counted AS (
                SELECT _partition, _offset, count(*) AS times
                FROM {trino_table(table)}
                WHERE _topic = ?
                GROUP BY _partition, _offset
            ),
            grouped AS (
                SELECT *, _offset - row_number() OVER (PARTITION BY _partition, times ORDER BY _offset) AS island
                FROM counted
            )
            SELECT _partition, times, min(_offset), max(_offset) + 1
            FROM grouped
            GROUP BY _partition, times, island
            """,  # noqa: S608
            [topic],
        )
        ranges: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for partition, times, begin, end in rows:
            ranges.setdefault(partition, {}).setdefault(times, []).append((begin, end))
        return {
            partition: {times: OffsetRanges.of_ranges(found) for times, found in by_times.items()}
            for partition, by_times in ranges.items()
        }
