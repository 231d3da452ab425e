"""Does a table belong to the checkpoint that is about to feed it?

Delta skips a batch whose ``(txnAppId, txnVersion)`` it has seen. That makes a replay harmless, and a lost checkpoint
dangerous: a new one counts from 0 again, so under the same application id every batch would be dropped in silence until
it passed the old number. Hence the id of the checkpoint is part of the application id, and the two histories are
compared before the first batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_stream.checkpoint_log import (
    BEGIN,
    METADATA,
    checkpoint_id,
    newest_batch,
    offsets_file,
    read_file,
    source_offsets,
)
from fraud_stream.errors import CheckpointError

REMEDY = (
    "`make restore-checkpoint` writes the checkpoint anew from what the tables hold (docs/runbooks/LostCheckpoint.md)"
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
    """Read a checkpoint's identity and progress; ``s3`` is a boto3 client, ``key`` the checkpoint's prefix.

    Raises:
        CheckpointError: one of its files is damaged.
    """
    path = f"s3a://{bucket}/{key}"
    metadata = read_file(s3, bucket, f"{key}/{METADATA}")
    committed = newest_batch(s3, bucket, f"{key}/commits/")
    newest = offsets_file(committed)
    offsets = None if committed < 0 else read_file(s3, bucket, f"{key}/{newest}")
    return CheckpointState(
        path=path,
        id=None if metadata is None else checkpoint_id(path, metadata),
        planned_batch=newest_batch(s3, bucket, f"{key}/offsets/"),
        committed_batch=committed,
        offsets=None if offsets is None else source_offsets(path, newest, offsets),
    )


def first_offsets(s3: Any, bucket: str, key: str) -> dict[int, int]:
    """First offset by partition that the checkpoint's stream ever read; empty before its first batch.

    Raises:
        CheckpointError: the file is damaged.
    """
    # Spark notes once where its first (and only) source began
    begin = read_file(s3, bucket, f"{key}/{BEGIN}")
    return {} if begin is None else source_offsets(f"s3a://{bucket}/{key}", BEGIN, begin)


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
