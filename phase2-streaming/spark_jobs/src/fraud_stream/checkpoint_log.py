"""The files of a streaming checkpoint, as Spark 4.0 writes and reads them.

``metadata`` holds the checkpoint's id, ``offsets/N`` what batch N was to read, ``commits/N`` says that it is done, and
``sources/0/0`` where the stream began. Spark reads the newest two of ``offsets`` and the newest of ``commits`` when it
starts; from a file that is damaged it would end with a Java error, one query after the other, at every start.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from fraud_stream.errors import CheckpointError

VERSION: Final = "v1"
METADATA: Final = "metadata"
BEGIN: Final = "sources/0/0"
RESTORE: Final = "`make restore-checkpoint` writes it anew from what the tables hold (docs/runbooks/LostCheckpoint.md)"


def offsets_file(batch: int) -> str:
    """Name of the file that says where a batch ends."""
    return f"offsets/{batch}"


def commits_file(batch: int) -> str:
    """Name of the file that says that a batch is done."""
    return f"commits/{batch}"


def read_file(s3: Any, bucket: str, key: str) -> bytes | None:
    """Content of one object, None when there is none."""
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return body


def newest_batch(s3: Any, bucket: str, prefix: str) -> int:
    """The largest number among the names under a prefix, -1 when there is none."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = (item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", ()))
    return max((int(name) for name in names if name.isdigit()), default=-1)


def checkpoint_id(path: str, metadata: bytes) -> str:
    """The id in a checkpoint's ``metadata``.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        return str(json.loads(metadata)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, METADATA, metadata) from error


def source_offsets(path: str, name: str, content: bytes) -> dict[int, int]:
    """Offset by partition in a file of ``offsets`` or in ``sources/0/0``: its last line, after a version.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        # sources/0/0 begins with a zero byte, for versions of Spark that nobody runs any more
        *_, topics = _versioned(content.removeprefix(b"\0"))
        found = [pair for partitions in json.loads(topics).values() for pair in partitions.items()]
        return {int(partition): int(offset) for partition, offset in found}
    except (ValueError, AttributeError, TypeError) as error:
        raise damaged(path, name, content) from error


def require_whole(s3: Any, bucket: str, key: str) -> None:
    """Make sure that Spark can start from the checkpoint under ``key``, whether it has begun or not.

    Raises:
        CheckpointError: a file that it needs is missing or damaged; the message names it and the remedy.
    """
    path = f"s3a://{bucket}/{key}"
    metadata = read_file(s3, bucket, f"{key}/{METADATA}")
    if metadata is None:
        # not begun, or deleted: what the tables say decides that
        return
    checkpoint_id(path, metadata)
    planned = newest_batch(s3, bucket, f"{key}/offsets/")
    committed = newest_batch(s3, bucket, f"{key}/commits/")
    needed = [offsets_file(batch) for batch in (planned - 1, planned) if batch >= 0]
    needed += [commits_file(committed)] if committed >= 0 else []
    for name in needed:
        content = read_file(s3, bucket, f"{key}/{name}")
        if content is None:
            raise CheckpointError(f"checkpoint {path} has lost its file {name}; {RESTORE}")
        if name.startswith("commits/"):
            _require_commit(path, name, content)
        else:
            source_offsets(path, name, content)
    begin = read_file(s3, bucket, f"{key}/{BEGIN}")
    if begin is not None:
        source_offsets(path, BEGIN, begin)


def files(
    topic: str,
    own_id: str,
    begins: Mapping[int, int],
    batch: int,
    span: tuple[Mapping[int, int], Mapping[int, int]],
    *,
    is_finished: bool,
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a checkpoint's files up to ``batch``, in the order in which they are to be written.

    ``span`` are the offsets by partition at which that batch begins, and the next ones after it. Unless it
    ``is_finished`` it is to be done again.
    """
    before, ends = span
    yield METADATA, json.dumps({"id": own_id}).encode()
    yield BEGIN, b"\0" + _lines(VERSION, _offsets(topic, begins))
    newest_finished = batch if is_finished else batch - 1
    if newest_finished >= 0:
        yield commits_file(newest_finished), _lines(VERSION, json.dumps({"nextBatchWatermarkMs": 0}))
    # Spark wants to see where its newest finished batch began, even when that is done
    for done in range(max(0, newest_finished - 1), batch):
        yield offsets_file(done), _plan(topic, before)
    yield offsets_file(batch), _plan(topic, ends)


def damaged(path: str, name: str, content: bytes) -> CheckpointError:
    """What to say about a file that cannot be read."""
    how = "is damaged" if content.strip() else "is empty"
    return CheckpointError(f"file {name} of checkpoint {path} {how}; {RESTORE}")


def _require_commit(path: str, name: str, content: bytes) -> None:
    try:
        (record,) = _versioned(content)
        json.loads(record)
    except ValueError as error:
        raise damaged(path, name, content) from error


def _versioned(content: bytes) -> list[str]:
    """The lines after the version.

    Raises:
        ValueError: there are none, it is another version, or it is no text.
    """
    version, *lines = content.decode().splitlines()
    if version != VERSION or not lines:
        raise ValueError(version)
    return lines


def _plan(topic: str, ends: Mapping[int, int]) -> bytes:
    about = {"batchWatermarkMs": 0, "batchTimestampMs": int(time.time() * 1000), "conf": {}}
    return _lines(VERSION, json.dumps(about), _offsets(topic, ends))


def _offsets(topic: str, offsets: Mapping[int, int]) -> str:
    return json.dumps({topic: {str(partition): offset for partition, offset in sorted(offsets.items())}})


def _lines(*lines: str) -> bytes:
    return "\n".join(lines).encode()
