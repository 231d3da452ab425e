"""Quarantined messages in clear, for people who must see them; every look is written down first."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import trino_table

IV_BYTES = 12


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """One message that did not belong in Bronze, decrypted."""

    topic: str
    partition: int
    offset: int
    kafka_timestamp: str
    schema_id: int | None
    reasons: tuple[str, ...]
    key: bytes | None
    payload: bytes | None


def decrypt(payload: bytes, key: bytes, topic: str, partition: int, offset: int) -> bytes:
    """The raw bytes of a message; its coordinates are authenticated with it.

    Raises:
        cryptography.exceptions.InvalidTag: another key, another row's ciphertext, or a changed byte.
    """
    return AESGCM(key).decrypt(payload[:IV_BYTES], payload[IV_BYTES:], f"{topic}-{partition}-{offset}".encode())


def read_quarantine(
    lakehouse: Lakehouse,
    table: str,
    key: bytes,
    *,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    reason: str | None = None,
    limit: int = 20,
) -> list[QuarantinedMessage]:
    """The newest quarantined messages that match, newest first."""
    conditions = {
        "_topic = ?": topic,
        "_partition = ?": partition,
        "_offset = ?": offset,
        "contains(reasons, ?)": reason,
    }
    wanted = {condition: value for condition, value in conditions.items() if value is not None}
    statement = f"""
        SELECT
            _topic, _partition, _offset, CAST(_kafka_timestamp AS varchar), _schema_id, reasons,
            to_hex(key), to_hex(payload)
        FROM {trino_table(table)}
        WHERE {" AND ".join(("true", *wanted))}
        ORDER BY _kafka_timestamp DESC, _topic, _partition, _offset DESC
        LIMIT {limit:d}
    """  # noqa: S608 - names and conditions are ours, values are parameters
    rows = lakehouse.query(statement, list(wanted.values()))
    return [
        QuarantinedMessage(
            topic=row[0],
            partition=row[1],
            offset=row[2],
            kafka_timestamp=row[3],
            schema_id=row[4],
            reasons=tuple(row[5]),
            key=None if row[6] is None else bytes.fromhex(row[6]),
            payload=None if row[7] is None else decrypt(bytes.fromhex(row[7]), key, row[0], row[1], row[2]),
        )
        for row in rows
    ]


def write_audit_line(path: Path, why: str, wanted: dict[str, object], seen: Sequence[QuarantinedMessage]) -> None:
    """Append who looked at which messages, when and why, before they are shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "at": datetime.now(UTC).isoformat(),
        "who": getpass.getuser(),
        "why": why,
        "action": "show",
        "wanted": wanted,
        "messages": [f"{one.topic}-{one.partition}-{one.offset}" for one in seen],
    }
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
