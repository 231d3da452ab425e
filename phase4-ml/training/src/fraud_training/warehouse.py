"""Reading through Trino: training data from Gold and Silver, at a recorded Delta version, and logged decisions."""
# ruff: noqa: S608 - tables and columns cannot be parameters; table names are checked, columns are our own names

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlparse

import numpy as np
import requests
import trino
from numpy.typing import NDArray

from fraud_contracts import CATALOG, GOLD, SILVER
from fraud_training.dataset import Payments
from fraud_training.errors import DataError
from fraud_training.labels import Label, LabelHistory
from fraud_training.split import DAY_US, Day, Period, busy_range

FEATURES_TABLE = f"{CATALOG}.{GOLD}.mart_fraud_features"
LABELS_TABLE = f"{CATALOG}.{SILVER}.int_labels_as_of"
DECISIONS_TABLE = "postgres.public.decisions"
# rows held as Python objects at a time; each carries one text of about six bytes per feature
_ROWS_PER_FETCH = 20_000
_CONCATENATED = 100
_TABLE_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+){2}")


def check_table_name(table: str) -> str:
    """A name that may stand in a statement, as it was given.

    Raises:
        DataError: it is not of the form catalog.schema.table.
    """
    if not _TABLE_NAME.fullmatch(table):
        raise DataError(f"{table!r} is not a table name of the form catalog.schema.table.")
    return table


@dataclass(frozen=True, slots=True)
class TableVersion:
    """A table as it was at one Delta version."""

    table: str
    version: int

    @property
    def relation(self) -> str:
        """The table as SQL text that reads this version."""
        return f"{self.table} FOR VERSION AS OF {self.version}"

    def as_dict(self) -> dict[str, str | int]:
        return {"table": self.table, "version": self.version}


class Warehouse:
    """A Trino session for batch reading."""

    def __init__(self, url: str, user: str = "trainer") -> None:
        self._url = url
        parsed = urlparse(url)
        self._connection = trino.dbapi.Connection(
            host=parsed.hostname or "", port=parsed.port, user=user, http_scheme=parsed.scheme, source="fraud-training"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] | None = None) -> Iterator[list[list[Any]]]:
        """The rows of one statement, some thousand at a time; ``?`` in it are filled from ``parameters``.

        Raises:
            DataError: Trino refuses the statement or does not answer; the message says what to run.
        """
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, parameters)
            while chunk := cursor.fetchmany(_ROWS_PER_FETCH):
                yield chunk
        except trino.exceptions.TrinoUserError as error:
            raise DataError(f"Trino cannot answer: {error.message}. Run the DAG fraud_pipeline first.") from error
        except (trino.exceptions.TrinoConnectionError, requests.ConnectionError) as error:
            raise DataError(f"Trino does not answer at {self._url}: start it with `make phase3-up`.") from error
        finally:
            cursor.close()

    def _row(self, sql: str) -> list[Any]:
        return next(self.rows(sql))[0]

    def current_version(self, table: str) -> TableVersion:
        """The newest version of a Delta table.

        Raises:
            DataError: the table does not exist or has no history.
        """
        check_table_name(table)
        catalog, schema, name = table.split(".")
        version = self._row(f'SELECT max(version) FROM {catalog}.{schema}."{name}$history"')[0]
        return TableVersion(table, int(version))

    def event_range(self, features: TableVersion) -> Period:
        """From the oldest to just after the newest event, without stray days at either end.

        Raises:
            DataError: the table is empty.
        """
        sql = (
            f"SELECT count(*), min(event_us), max(event_us) FROM {features.relation} "
            f"GROUP BY floor(event_us / {DAY_US}e0)"
        )
        span = busy_range([Day(*map(int, row)) for chunk in self.rows(sql) for row in chunk])
        if span is None:
            raise DataError(
                f"{features.table} is empty at version {features.version}. Run the DAG fraud_pipeline first."
            )
        return span

    def payments(self, features: TableVersion, feature_names: Sequence[str], period: Period) -> Payments:
        """The payments of a period with their feature vectors, ordered by event time and transaction id.

        Trino casts each feature to a 32-bit float and hands a row's vector over as one base64 text of its bytes:
        exact, and ten times quicker here than a JSON number per value.

        Raises:
            DataError: a feature is NULL somewhere; the message names which.
        """
        where = f"event_us >= {period.start_us} AND event_us < {period.end_us}"
        sql = (
            "SELECT event_us, transaction_id, coalesce(card_hash, user_id), "
            f"to_base64({_packed(feature_names)}) FROM {features.relation} WHERE {where}"
        )
        ids: list[str] = []
        moments: list[int] = []
        cards: list[str] = []
        blocks = [np.empty((0, len(feature_names)), dtype=np.float32)]
        for chunk in self.rows(sql):
            chunk_moments, chunk_ids, chunk_cards, texts = zip(*chunk, strict=True)
            if None in texts:
                raise DataError(self._null_features(features, feature_names, where))
            moments.extend(chunk_moments)
            ids.extend(chunk_ids)
            cards.extend(chunk_cards)
            blocks.append(_unpacked(texts))
        return Payments.ordered(
            transaction_ids=ids,
            event_us=np.array(moments, dtype=np.int64),
            cards=cards,
            vectors=np.concatenate(blocks),
        )

    def decided_vectors(self, table: str, schema_hash: str, days: int, limit: int) -> NDArray[np.float32]:
        """The vectors that the API logged with its newest decisions, newest first, shape (n, features).

        Only of decisions that a model had a part in, with profiles or without, on today's definition of the features:
        the others' vectors are incomplete, or mean something else.

        Args:
            table: of decisions, ``catalog.schema.table``.
            schema_hash: of the definition.
            days: before the newest such decision, by the time of its record.
            limit: most rows, the newest.

        Raises:
            DataError: the table cannot be read.
        """
        check_table_name(table)
        fits = f"schema_hash = '{schema_hash}' AND mode IN ('full', 'no_profiles') AND vector IS NOT NULL"
        newest = self._row(f"SELECT CAST(max(created_at) AT TIME ZONE 'UTC' AS varchar) FROM {table} WHERE {fits}")[0]
        if newest is None:
            return np.empty((0, 0), dtype=np.float32)
        since = f"TIMESTAMP '{newest}' - INTERVAL '{days}' DAY"
        sql = (
            "SELECT to_base64(reduce(vector, X'', (packed, one) -> concat(packed, to_ieee754_32(one)), "
            f"packed -> packed)) FROM {table} WHERE {fits} AND created_at >= {since} "
            f"ORDER BY created_at DESC, transaction_id LIMIT {limit}"
        )
        return np.concatenate([_unpacked([text for (text,) in chunk]) for chunk in self.rows(sql)])

    def _null_features(self, features: TableVersion, feature_names: Sequence[str], where: str) -> str:
        counts = ", ".join(f"count_if({name} IS NULL)" for name in feature_names)
        nulls = self._row(f"SELECT {counts} FROM {features.relation} WHERE {where}")
        named = ", ".join(f"{name} ({count})" for name, count in zip(feature_names, nulls, strict=True) if count)
        return f"A missing value must be an explicit number, and {features.table} holds NULL in: {named}."

    def labels(self, labels: TableVersion, features: TableVersion) -> LabelHistory:
        """Every label of the table, whenever it became known, with time and card of its payment."""
        sql = (
            "SELECT l.transaction_id, l.known_us, l.label_id, l.is_fraud, l.fraud_type, f.event_us, "
            f"coalesce(f.card_hash, f.user_id) FROM (SELECT * FROM {labels.relation}) AS l "
            f"LEFT JOIN (SELECT transaction_id, event_us, card_hash, user_id FROM {features.relation}) AS f "
            "ON l.transaction_id = f.transaction_id"
        )
        return LabelHistory.of(Label(*row) for chunk in self.rows(sql) for row in chunk)


def _packed(feature_names: Sequence[str]) -> str:
    """Features one after the other as 32-bit floats, varbinary; a call of ``concat`` takes 127 arguments at most."""
    values = [f"to_ieee754_32(CAST({name} AS real))" for name in feature_names]
    parts = [values[begin : begin + _CONCATENATED] for begin in range(0, len(values), _CONCATENATED)]
    return " || ".join(f"concat({', '.join(part)}, X'')" for part in parts)


def _unpacked(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors that Trino packed, shape (n, features)."""
    raw = b"".join(map(base64.b64decode, texts))
    return np.frombuffer(raw, dtype=">f4").reshape(len(texts), -1).astype(np.float32)
