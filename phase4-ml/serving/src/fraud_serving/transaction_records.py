"""Values of ``transactions.raw`` as features take them: decoded by schema id, and only if Bronze keeps them."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

import fastavro
import httpx
from fastavro.types import Schema

from fraud_contracts import TRANSACTIONS, schema
from fraud_features import Transaction

MAGIC_BYTE: Final = 0
HEADER_BYTES: Final = 5
MAX_ID_LENGTH: Final = 64
MAX_AMOUNT_CENTS: Final = 1_000_000_000_00
EARLIEST_US: Final = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
# The API's own bound. Not compared with a wall clock: a simulated world may run far ahead of it.
LATEST_US: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000

_CARD_HASH = re.compile(r"[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CATEGORY = re.compile(r"[0-9]{4}")
# Nothing that changes how bytes are read.
_DECORATION: Final = frozenset({"logicalType", "precision", "scale", "doc"})
_OPTIONAL: Final = tuple(field.name for field in fields(Transaction) if field.default is None)


class UnreadableRecordError(Exception):
    """A message that Bronze quarantines: it is no transaction, or not a sound one."""


class SchemaRegistry:
    """Fetches writer schemas by their id."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=5.0)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def schema(self, schema_id: int) -> dict[str, Any]:
        """The schema with this id.

        Raises:
            UnreadableRecordError: the registry knows no such schema.
            httpx.HTTPError: it does not answer.
        """
        answer = self._client.get(f"/schemas/ids/{schema_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnreadableRecordError(f"no schema has the id {schema_id}")
        answer.raise_for_status()
        parsed: dict[str, Any] = json.loads(answer.json()["schema"])
        return parsed


class TransactionDecoder:
    """Decodes messages framed as Confluent does; ``fetch`` gives a writer schema by id and is asked once for each."""

    def __init__(self, fetch: Callable[[int], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._reader = _without_logical_types(schema(TRANSACTIONS))
        self._parsed_reader = fastavro.parse_schema(self._reader)
        # Parsed writer schema, and the reader's where the two differ: resolving costs three times a plain read.
        self._writers: dict[int, tuple[Schema, Schema | None]] = {}

    def decode(self, value: bytes | None) -> Transaction:
        """The transaction in a message's value.

        Raises:
            UnreadableRecordError: it cannot be decoded, or a field is outside the bounds that Bronze sets.
            httpx.HTTPError: its schema is not known yet and the registry does not answer.
        """
        if value is None or len(value) <= HEADER_BYTES or value[0] != MAGIC_BYTE:
            raise UnreadableRecordError("the value is not framed")
        writer, reader = self._schemas(int.from_bytes(value[1:HEADER_BYTES], "big"))
        try:
            record: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), writer, reader)
            transaction = Transaction(
                transaction_id=record["transaction_id"],
                event_us=record["event_time"],
                user_id=record["user_id"],
                merchant_id=record["merchant_id"],
                amount_cents=int.from_bytes(record["amount"], "big", signed=True),
                **{name: record.get(name) for name in _OPTIONAL},
            )
        except Exception as error:
            # fastavro raises whatever random bytes lead it into: EOFError, IndexError, UnicodeDecodeError …
            raise UnreadableRecordError(f"the value cannot be decoded ({type(error).__name__})") from error
        if not _is_sound(transaction):
            raise UnreadableRecordError("a field is out of bounds")
        return transaction

    def _schemas(self, schema_id: int) -> tuple[Schema, Schema | None]:
        known = self._writers.get(schema_id)
        if known is None:
            written = _without_logical_types(self._fetch(schema_id))
            known = self._writers[schema_id] = (
                fastavro.parse_schema(written),
                None if written == self._reader else self._parsed_reader,
            )
        return known


def _without_logical_types(node: Any) -> Any:
    """The schema with plain microseconds and bytes: datetimes and decimals would cost more than the rest."""
    if isinstance(node, dict):
        return {key: _without_logical_types(part) for key, part in node.items() if key not in _DECORATION}
    return [_without_logical_types(part) for part in node] if isinstance(node, list) else node


def _is_sound(transaction: Transaction) -> bool:
    """Bronze's quarantine checks on the fields that features read; what it keeps out must not enter a window."""
    return (
        all(_is_id(name) for name in (transaction.transaction_id, transaction.user_id, transaction.merchant_id))
        and (transaction.device_id is None or _is_id(transaction.device_id))
        and 0 < transaction.amount_cents <= MAX_AMOUNT_CENTS
        and EARLIEST_US <= transaction.event_us < LATEST_US
        and (transaction.latitude is None or -90.0 <= transaction.latitude <= 90.0)
        and (transaction.longitude is None or -180.0 <= transaction.longitude <= 180.0)
        and (transaction.country is None or _COUNTRY.fullmatch(transaction.country) is not None)
        and (transaction.card_hash is None or _CARD_HASH.fullmatch(transaction.card_hash) is not None)
        and (
            transaction.merchant_category_code is None
            or _CATEGORY.fullmatch(transaction.merchant_category_code) is not None
        )
    )


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= MAX_ID_LENGTH
