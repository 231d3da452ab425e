"""Does a table belong to the checkpoint that is about to feed it?

Delta skips a batch whose ``(txnAppId, txnVersion)`` it has seen. That makes a replay harmless, and a lost checkpoint
dangerous: a new one counts from 0 again, so under the same application id every batch would be dropped in silence until
it passed the old number. Hence the id of the checkpoint is part of the application id, and the two histories are
compared before the first batch.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from fraud_stream.errors import CheckpointError

REMEDY = (
    "restore the checkpoint and the table from the same moment, or remove both to read the topic from its beginning"
)


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """What a streaming checkpoint says about itself; -1 stands for "no batch yet"."""

    path: str
    id: str | None
    planned_batch: int = -1
    committed_batch: int = -1
    # next offset to read by partition, as far as the newest committed batch went
    offsets: Mapping[int, int] | None = None


def app_id(table: str, checkpoint_id: str) -> str:
    """The ``txnAppId`` of what one checkpoint writes to one table."""
    return f"{table}:{checkpoint_id}"


def read_checkpoint(s3: Any, bucket: str, key: str) -> CheckpointState:
    """Read a checkpoint's identity and progress; ``s3`` is a boto3 client, ``key`` the checkpoint's prefix."""
    path = f"s3a://{bucket}/{key}"
    metadata = _read(s3, bucket, f"{key}/metadata")
    committed = _newest(s3, bucket, f"{key}/commits/")
    return CheckpointState(
        path=path,
        id=None if metadata is None else str(json.loads(metadata)["id"]),
        planned_batch=_newest(s3, bucket, f"{key}/offsets/"),
        committed_batch=committed,
        offsets=None if committed < 0 else _offsets(_read(s3, bucket, f"{key}/offsets/{committed}")),
    )


def first_offsets(s3: Any, bucket: str, key: str) -> dict[int, int]:
    """First offset by partition that the checkpoint's stream ever read; empty before its first batch."""
    # Spark notes once where its first (and only) source began: a version, then the offsets
    return _offsets(_read(s3, bucket, f"{key}/sources/0/0"), line=1) or {}


def verify_table(table: str, checkpoint: CheckpointState, written: Mapping[str, int]) -> None:
    """Compare a table with the checkpoint that feeds it; ``written`` maps txnAppId to its newest txnVersion.

    Raises:
        CheckpointError: rows would be lost or written twice.
    """
    _refuse_foreign(table, {checkpoint.id} - {None}, _ids(table, written), checkpoint.path)
    version = written.get(app_id(table, checkpoint.id)) if checkpoint.id else None
    if checkpoint.committed_batch > (-1 if version is None else version):
        raise CheckpointError(
            f"checkpoint {checkpoint.path} has finished batch {checkpoint.committed_batch}, but bronze.{table} "
            f"{'holds nothing of it' if version is None else f'ends with batch {version}'}: rows are missing; {REMEDY}"
        )
    _refuse_rewound(table, checkpoint, version)


def verify_quarantine(table: str, checkpoints: Iterable[CheckpointState], written: Mapping[str, int]) -> None:
    """Compare the quarantine table with all checkpoints that feed it.

    Raises:
        CheckpointError: rows would be lost or written twice.
    """
    known = list(checkpoints)
    paths = ", ".join(checkpoint.path for checkpoint in known)
    _refuse_foreign(table, {checkpoint.id for checkpoint in known} - {None}, _ids(table, written), paths)
    for checkpoint in known:
        if checkpoint.id is not None:
            _refuse_rewound(table, checkpoint, written.get(app_id(table, checkpoint.id)))


def _refuse_foreign(table: str, own: set[str | None], writers: set[str], path: str) -> None:
    foreign = sorted(writers - own)
    if foreign:
        raise CheckpointError(
            f"bronze.{table} was written from checkpoint {foreign[0]}, which is not (or no longer) the one at {path}: "
            f"a new checkpoint would write every row a second time; {REMEDY}"
        )


def _refuse_rewound(table: str, checkpoint: CheckpointState, version: int | None) -> None:
    if version is not None and version > checkpoint.planned_batch:
        raise CheckpointError(
            f"bronze.{table} already has batch {version} of checkpoint {checkpoint.path}, which has only planned batch "
            f"{checkpoint.planned_batch}: the next batches would be dropped as already written; {REMEDY}"
        )


def _ids(table: str, written: Mapping[str, int]) -> set[str]:
    return {name.removeprefix(f"{table}:") for name in written if name.startswith(f"{table}:")}


def _offsets(log: bytes | None, line: int = 2) -> dict[int, int] | None:
    """Offsets of the one source in an offset log file: version, batch metadata, then one JSON line per source."""
    if log is None:
        return None
    topics = json.loads(log.decode().splitlines()[line])
    return {int(partition): int(offset) for partitions in topics.values() for partition, offset in partitions.items()}


def _read(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return body


def _newest(s3: Any, bucket: str, prefix: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = (item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", ()))
    return max((int(name) for name in names if name.isdigit()), default=-1)
