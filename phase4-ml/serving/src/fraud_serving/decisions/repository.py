"""Reads and appends decisions through a pool of PostgreSQL connections."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self, TypeAlias, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from fraud_serving.breaker import CircuitBreaker
from fraud_serving.decisions.models import DecisionRow
from fraud_serving.errors import RecordStoreError
from fraud_serving.settings import Settings

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
_Connection: TypeAlias = psycopg.AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of ``decisions`` as the service handles it; see :class:`DecisionRow` for the meaning of each field."""

    transaction_id: str
    user_id: str
    request: dict[str, Any]
    event_time: datetime
    mode: str
    flags: list[str]
    vector: list[float] | None
    schema_hash: str
    missing: list[str]
    raw_probability: float | None
    calibrated_probability: float | None
    rules_score: float
    statistics_score: float | None
    fraud_probability: float
    fraud_score: float
    risk_tier: str
    verdict: str
    reasons: list[str]
    rule_hits: list[str]
    rules_version: str
    model_version: str
    model_digest: str | None
    latency_ms: float


def _statement(clause: Any) -> str:
    """The clause as text with named parameters, so that the column list is spelled in the model only."""
    return str(clause.compile(dialect=psycopg_dialect.dialect()))


_TABLE = DecisionRow.__table__
_NAMES = [field.name for field in fields(Decision)]
_INSERT = _statement(
    insert(DecisionRow)
    .values({name: bindparam(name) for name in _NAMES})
    .on_conflict_do_nothing(index_elements=["transaction_id"])
)
_SELECT = _statement(
    select(*(_TABLE.c[name] for name in _NAMES)).where(_TABLE.c.transaction_id == bindparam("transaction_id"))
)


class DecisionRepository:
    """The ``decisions`` table, through a bounded pool; every method fails within the configured time."""

    def __init__(self, settings: Settings) -> None:
        settings.require("postgres_host", "api_db_password")
        self._timeout = settings.db_timeout_seconds
        self._breaker = CircuitBreaker()
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            kwargs={
                "host": settings.postgres_host,
                "port": settings.postgres_port,
                "dbname": settings.database,
                "user": "fraud_api",
                "password": settings.api_db_password.get_secret_value(),
                "application_name": "fraud-serving-api",
                "connect_timeout": 2,
                # One statement is one transaction and one round trip.
                "autocommit": True,
                "row_factory": dict_row,
            },
            connection_class=_Connection,
            min_size=min(2, settings.db_pool_size),
            max_size=settings.db_pool_size,
            timeout=settings.db_timeout_seconds,
            # A pause of at most two seconds: after an outage payments are waiting for the next attempt.
            reconnect_timeout=2.0,
            open=False,
            name="decisions",
        )

    async def __aenter__(self) -> Self:
        # Does not wait: the API starts while PostgreSQL is down and says so.
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def find(self, transaction_id: str) -> Decision | None:
        """The decision with this id, if there is one.

        Raises:
            RecordStoreError: PostgreSQL did not answer in time.
        """

        async def read(connection: _Connection) -> Decision | None:
            cursor = await connection.execute(_SELECT, {"transaction_id": transaction_id})
            row = await cursor.fetchone()
            return None if row is None else Decision(**row)

        return await self._attempt(read)

    async def add(self, decision: Decision) -> bool:
        """Appends a decision; ``False`` when its transaction id has one already.

        Raises:
            RecordStoreError: PostgreSQL did not take it in time.
        """
        values = {name: getattr(decision, name) for name in _NAMES}
        values["request"] = Jsonb(decision.request)

        async def append(connection: _Connection) -> bool:
            return (await connection.execute(_INSERT, values)).rowcount == 1

        return await self._attempt(append)

    async def ping(self) -> None:
        """Returns when PostgreSQL answers and the table is there.

        Raises:
            RecordStoreError: it does not, or the migration has not run.
        """

        async def look(connection: _Connection) -> None:
            await connection.execute("SELECT 1 FROM decisions LIMIT 1")

        await self._attempt(look)

    async def _attempt(self, action: Callable[[_Connection], Awaitable[Result]]) -> Result:
        """Runs ``action`` within the time a payment may wait; a pool of dead connections is worked through at once."""
        if not self._breaker.allow():
            raise RecordStoreError("PostgreSQL did not answer the last requests")
        # Not awaited under a timeout: cancelling a statement asks a server that hangs to confirm, and waits for it.
        task = asyncio.ensure_future(self._on_live_connection(action))
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            task.add_done_callback(_forget)
            task.cancel()
            self._breaker.failed()
            raise RecordStoreError(f"PostgreSQL did not answer within {self._timeout:g} s")
        try:
            result = task.result()
        except (PoolTimeout, psycopg.OperationalError) as error:
            self._breaker.failed()
            raise RecordStoreError("PostgreSQL does not answer") from error
        except psycopg.Error as error:
            logger.exception("PostgreSQL refused a statement")
            raise RecordStoreError(f"PostgreSQL refused the statement ({type(error).__name__})") from error
        self._breaker.succeeded()
        return result

    async def _on_live_connection(self, action: Callable[[_Connection], Awaitable[Result]]) -> Result:
        # After a restart of the server every idle connection fails once; repeating is safe, the id is a key.
        for _ in range(self._pool.max_size):
            try:
                async with self._pool.connection() as connection:
                    return await action(connection)
            except PoolTimeout:
                raise
            except psycopg.OperationalError:
                continue
        async with self._pool.connection() as connection:
            return await action(connection)


def _forget(task: asyncio.Future[Any]) -> None:
    """Takes the outcome of a statement nobody waits for, so that asyncio does not report it as lost."""
    if not task.cancelled():
        task.exception()
