"""Payments and logins as features take them: decoded by schema id, and only if Bronze keeps them."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, Generic, TypeVar

import fastavro
import httpx
from fastavro.types import Schema

from fraud_contracts import (
    DEGREE_LIMITS,
    EARLIEST_EVENT_US,
    LATEST_EVENT_US,
    LOGINS,
    MAX_AMOUNT_CENTS,
    MIN_AMOUNT_CENTS,
    TRANSACTIONS,
    Topic,
    schema,
    text_patterns,
)
from fraud_features import Login, Transaction

MAGIC_BYTE: Final = 0
HEADER_BYTES: Final = 5

# Nothing that changes how bytes are read.
_DECORATION: Final = frozenset({"logicalType", "precision", "scale", "doc"})
_OPTIONAL: Final = tuple(field.name for field in fields(Transaction) if field.default is None)


Event = TypeVar("Event")


class UnreadableRecordError(Exception):
    """A message that Bronze quarantines: it is no such record, or not a sound one."""


class SchemaRegistry:
    """The writer schemas of one subject by their id; the same ids that Bronze accepts, whatever else is registered."""

    def __init__(self, url: str, subject: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=5.0, transport=transport)
        self._subject = subject
        self._versions: set[int] = set()
        self._texts: dict[int, str] = {}

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def schema(self, schema_id: int) -> Any:
        """The schema with this id, as JSON; a schema is registered before its first message.

        Raises:
            UnreadableRecordError: the subject has no such schema, or it is no JSON (Protobuf, for example).
            httpx.HTTPError: the registry does not answer, or does not know the subject.
        """
        if schema_id not in self._texts:
            self._refresh()
        text = self._texts.get(schema_id)
        if text is None:
            raise UnreadableRecordError(f"{self._subject} has no schema with the id {schema_id}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise UnreadableRecordError(f"the schema with the id {schema_id} is not Avro's") from error

    def _refresh(self) -> None:
        # An answer about the whole subject that is none says nothing of a message: it is waited for.
        try:
            listed = self._answer(f"/subjects/{self._subject}/versions")
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code == httpx.codes.NOT_FOUND and self._texts:
                return  # the subject was deleted: what it had is still what its messages were written with
            raise
        for version in set(listed) - self._versions:
            try:
                found = self._answer(f"/subjects/{self._subject}/versions/{version}")
                self._texts[int(found["id"])] = str(found["schema"])
            except httpx.HTTPStatusError as refused:
                if not refused.response.is_client_error:
                    raise
                continue  # a version that the registry lists and refuses to show cannot be read by anybody
            except (KeyError, TypeError, ValueError) as error:
                raise httpx.DecodingError(f"the registry's answer about version {version} is no schema") from error
            self._versions.add(version)

    def _answer(self, path: str) -> Any:
        answer = self._client.get(path).raise_for_status()
        try:
            return answer.json()
        except ValueError as error:
            raise httpx.DecodingError(f"the registry's answer to {path} is no JSON") from error


class RecordDecoder(Generic[Event]):
    """Decodes messages framed as Confluent does; ``fetch`` gives a writer schema by id and is asked once for each.

    ``build`` makes the event of a record; ``wrong_field`` names the first field that Bronze's quarantine checks refuse,
    if any: what it keeps out must not enter a window.
    """

    def __init__(
        self,
        topic: Topic,
        build: Callable[[dict[str, Any]], Event],
        wrong_field: Callable[[dict[str, Any]], str | None],
        fetch: Callable[[int], Any],
    ) -> None:
        self._build = build
        self._wrong_field = wrong_field
        self._fetch = fetch
        self._reader = _without_logical_types(schema(topic))
        self._parsed_reader = fastavro.parse_schema(self._reader)
        # Parsed writer schema, and the reader's where the two differ: resolving costs three times a plain read.
        self._writers: dict[int, tuple[Schema, Schema | None]] = {}

    def decode(self, value: bytes | None) -> Event:
        """The event in a message's value.

        Raises:
            UnreadableRecordError: it cannot be decoded, or a field is outside the bounds that Bronze sets.
            httpx.HTTPError: its schema is not known yet and the registry does not answer.
        """
        if value is None or len(value) <= HEADER_BYTES or value[0] != MAGIC_BYTE:
            raise UnreadableRecordError("the value is not framed")
        writer, reader = self._schemas(int.from_bytes(value[1:HEADER_BYTES], "big"))
        try:
            record: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), writer, reader)
            event = self._build(record)
        except Exception as error:
            # fastavro raises whatever random bytes lead it into: EOFError, IndexError, UnicodeDecodeError …
            raise UnreadableRecordError(f"the value cannot be decoded ({type(error).__name__})") from error
        wrong = self._wrong_field(record)
        if wrong is not None:
            raise UnreadableRecordError(f"{wrong} is out of bounds")
        return event

    def _schemas(self, schema_id: int) -> tuple[Schema, Schema | None]:
        known = self._writers.get(schema_id)
        if known is None:
            written = _without_logical_types(self._fetch(schema_id))
            try:
                parsed = fastavro.parse_schema(written)
            except Exception as error:
                # a schema of another kind (JSON Schema), or one that names types it does not hold
                raise UnreadableRecordError(f"the schema with the id {schema_id} is not Avro's") from error
            known = self._writers[schema_id] = (parsed, None if written == self._reader else self._parsed_reader)
        return known


def _without_logical_types(node: Any) -> Any:
    """The schema with plain microseconds and bytes: datetimes and decimals would cost more than the rest."""
    if isinstance(node, dict):
        return {key: _without_logical_types(part) for key, part in node.items() if key not in _DECORATION}
    return [_without_logical_types(part) for part in node] if isinstance(node, list) else node


def transaction_decoder(fetch: Callable[[int], Any]) -> RecordDecoder[Transaction]:
    """Of ``transactions.raw``."""
    wrong_text = texts_check(TRANSACTIONS)

    def build(record: dict[str, Any]) -> Transaction:
        return Transaction(
            transaction_id=record["transaction_id"],
            event_us=record["event_time"],
            user_id=record["user_id"],
            merchant_id=record["merchant_id"],
            amount_cents=_cents(record),
            **{name: record.get(name) for name in _OPTIONAL},
        )

    def wrong_field(record: dict[str, Any]) -> str | None:
        if (wrong := wrong_text(record) or wrong_place_or_time(record)) is not None:
            return wrong
        return None if MIN_AMOUNT_CENTS <= _cents(record) <= MAX_AMOUNT_CENTS else "amount"

    return RecordDecoder(TRANSACTIONS, build, wrong_field, fetch)


def login_decoder(fetch: Callable[[int], Any]) -> RecordDecoder[Login]:
    """Of ``logins.raw``."""
    wrong_text = texts_check(LOGINS)

    def build(record: dict[str, Any]) -> Login:
        return Login(record["login_id"], record["event_time"], record["user_id"], record["outcome"])

    def wrong_field(record: dict[str, Any]) -> str | None:
        return wrong_text(record) or wrong_place_or_time(record)

    return RecordDecoder(LOGINS, build, wrong_field, fetch)


def _cents(record: dict[str, Any]) -> int:
    return int.from_bytes(record["amount"], "big", signed=True)


def texts_check(topic: Topic) -> Callable[[dict[str, Any]], str | None]:
    """What names the first text of a record that is outside its bounds."""
    patterns = tuple((name, re.compile(pattern).fullmatch) for name, pattern in text_patterns(topic).items())

    def wrong_text(record: dict[str, Any]) -> str | None:
        for name, matches in patterns:
            text = record[name]
            if text is not None and matches(text) is None:
                return name
        return None

    return wrong_text


def wrong_place_or_time(record: dict[str, Any]) -> str | None:
    """The coordinate or the event time of a record that is outside its bounds."""
    for name, limit in DEGREE_LIMITS.items():
        degrees = record[name]
        # written so that NaN is refused
        if degrees is not None and not -limit <= degrees <= limit:
            return name
    return None if EARLIEST_EVENT_US <= record["event_time"] < LATEST_EVENT_US else "event_time"
