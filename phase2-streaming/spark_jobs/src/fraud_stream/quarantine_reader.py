"""Which messages are quarantined, what has become of them, and, for people who must see them, what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fraud_stream.coordinates import IS_ONE_OF, OF_THE_KEY, Coordinates, as_parameter
from fraud_stream.dispositions import DISCARDED, REDRIVEN
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import trino_table

IV_BYTES = 12


@dataclass(frozen=True, slots=True)
class Selection:
    """Which quarantined messages are meant; what is not given does not limit them."""

    topic: str | None = None
    reason: str | None = None
    # when the broker received them: from `since` on, before `until`
    since: datetime | None = None
    until: datetime | None = None
    coordinates: tuple[Coordinates, ...] = ()

    def as_sql(self) -> tuple[str, list[Any]]:
        """A condition on the quarantine table's columns, and its parameters."""
        parts: dict[str, Any] = {
            "_topic = ?": self.topic,
            "contains(reasons, ?)": self.reason,
            "_kafka_timestamp >= from_iso8601_timestamp(?)": self.since and self.since.isoformat(),
            "_kafka_timestamp < from_iso8601_timestamp(?)": self.until and self.until.isoformat(),
            IS_ONE_OF: as_parameter(self.coordinates) if self.coordinates else None,
        }
        given = {part: value for part, value in parts.items() if value is not None}
        return " AND ".join(("true", *given)), list(given.values())

    def as_json(self) -> dict[str, Any]:
        """What is limited, for the audit log."""
        return {
            "topic": self.topic,
            "reason": self.reason,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "at": [str(one) for one in self.coordinates],
        }


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """One message that did not belong in Bronze, decrypted."""

    coordinates: Coordinates
    kafka_timestamp: str
    schema_id: int | None
    reasons: tuple[str, ...]
    key: bytes | None
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many messages of a topic failed one check; a message that failed several is counted under each."""

    topic: str
    reason: str
    messages: int
    # nobody has decided about them yet
    open: int
    redriven: int
    discarded: int
    first: str
    last: str


def decrypt(payload: bytes, key: bytes, coordinates: Coordinates, of: str = "") -> bytes:
    """The raw bytes of a message, or with ``of=OF_THE_KEY`` those of its key.

    Raises:
        cryptography.exceptions.InvalidTag: another key, another row's or column's ciphertext, or a changed byte.
    """
    return AESGCM(key).decrypt(payload[:IV_BYTES], payload[IV_BYTES:], f"{coordinates}{of}".encode())


class Quarantine:
    """Questions to one quarantine table and to the table of what has become of its rows."""

    def __init__(self, lakehouse: Lakehouse, table: str, dispositions: str) -> None:
        """``table`` is the bare name of a Bronze table, ``dispositions`` the full name of its companion."""
        self._lakehouse = lakehouse
        self._table = trino_table(table)
        self._dispositions = dispositions

    def counts(self, selection: Selection) -> list[ReasonCount]:
        """How many messages there are and how many wait for a decision, by topic and reason."""
        condition, parameters = selection.as_sql()
        rows = self._lakehouse.query(
            f"""
            WITH selected AS (SELECT * FROM {self._table} WHERE {condition})
            SELECT
                _topic, reason, count(*), count_if(step IS NULL), count_if(step = '{REDRIVEN}'),
                count_if(step = '{DISCARDED}'), CAST(min(_kafka_timestamp) AS varchar),
                CAST(max(_kafka_timestamp) AS varchar)
            FROM selected
            LEFT JOIN ({self._ended()}) USING (_topic, _partition, _offset)
            CROSS JOIN UNNEST(reasons) AS of_row (reason)
            GROUP BY _topic, reason
            ORDER BY _topic, reason
            """,  # noqa: S608 - names and conditions are ours, values are parameters
            parameters,
        )
        return [ReasonCount(*row) for row in rows]

    def undecided(self, selection: Selection, limit: int) -> list[Coordinates]:
        """The oldest messages that nobody has redriven or discarded, oldest first, at most ``limit``."""
        condition, parameters = selection.as_sql()
        rows = self._lakehouse.query(
            f"""
            WITH selected AS (SELECT * FROM {self._table} WHERE {condition})
            SELECT _topic, _partition, _offset
            FROM selected
            LEFT JOIN ({self._ended()}) USING (_topic, _partition, _offset)
            WHERE step IS NULL
            ORDER BY _kafka_timestamp, _topic, _partition, _offset
            LIMIT {limit:d}
            """,  # noqa: S608
            parameters,
        )
        return [Coordinates(*row) for row in rows]

    def absent(self, coordinates: Sequence[Coordinates]) -> list[Coordinates]:
        """Those of ``coordinates`` that are not in quarantine."""
        condition, parameters = Selection(coordinates=tuple(coordinates)).as_sql()
        rows = self._lakehouse.query(
            f"SELECT _topic, _partition, _offset FROM {self._table} WHERE {condition}",  # noqa: S608
            parameters,
        )
        return sorted(set(coordinates) - {Coordinates(*row) for row in rows})

    def messages(self, selection: Selection, key: bytes, limit: int) -> list[QuarantinedMessage]:
        """The newest messages that match, decrypted, newest first."""
        condition, parameters = selection.as_sql()
        rows = self._lakehouse.query(
            f"""
            SELECT
                _topic, _partition, _offset, CAST(_kafka_timestamp AS varchar), _schema_id, reasons,
                to_hex(encrypted_key), to_hex(payload)
            FROM {self._table}
            WHERE {condition}
            ORDER BY _kafka_timestamp DESC, _topic, _partition, _offset DESC
            LIMIT {limit:d}
            """,  # noqa: S608
            parameters,
        )
        return [_message(row, key) for row in rows]

    def _ended(self) -> str:
        return (
            f"SELECT _topic, _partition, _offset, step FROM {self._dispositions} "  # noqa: S608
            f"WHERE step IN ('{REDRIVEN}', '{DISCARDED}')"
        )


def _message(row: Sequence[Any], key: bytes) -> QuarantinedMessage:
    topic, partition, offset, received, schema_id, reasons, message_key, payload = row
    at = Coordinates(topic, partition, offset)
    return QuarantinedMessage(
        coordinates=at,
        kafka_timestamp=received,
        schema_id=schema_id,
        reasons=tuple(reasons),
        key=None if message_key is None else decrypt(bytes.fromhex(message_key), key, at, OF_THE_KEY),
        payload=None if payload is None else decrypt(bytes.fromhex(payload), key, at),
    )
