"""Writing a lost or damaged checkpoint anew from what the tables hold.

Every row of Bronze and quarantine says which offset it is and which batch brought it, and Delta's log says whose
batches these were. That is all a checkpoint knows: its id, its newest finished batch, and where the next one begins.
A batch lands in quarantine first and in Bronze last, so the newest one in Bronze is finished; of the one after it
quarantine may have its part. That one is planned again up to the last message which it set aside: Delta skips its
quarantine rows, and the messages between them land in Bronze.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_stream.checkpoint_identity import app_id, read_checkpoint, verify_quarantine, verify_table
from fraud_stream.checkpoint_log import files, require_whole
from fraud_stream.errors import CheckpointError
from fraud_stream.streams import Layout, Stream
from fraud_stream.tables import written_transactions

log = logging.getLogger(__name__)

Spans = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Position:
    """How far the tables say that a stream has come; offsets by partition are those of the next message."""

    checkpoint_id: str
    begins: Mapping[int, int]
    finished_batch: int
    ends: Mapping[int, int]
    # where the batch after it ends, when quarantine has its part and Bronze does not
    half_done: Mapping[int, int] | None


def broken_streams(s3: Any, spark: SparkSession, layout: Layout) -> list[Stream]:
    """The streams whose checkpoint is lost, damaged, or does not fit its table.

    Raises:
        CheckpointError: only quarantine has rows of a checkpoint that is gone, and does not say of which stream it was.
    """
    quarantined = written_transactions(spark, layout.quarantine_path)
    broken, states = [], []
    for stream in layout.streams:
        try:
            require_whole(s3, layout.bucket, stream.checkpoint_key)
            state = read_checkpoint(s3, layout.bucket, stream.checkpoint_key)
            verify_table(stream.table, state, written_transactions(spark, stream.table_path))
            own = app_id(layout.quarantine_table, str(state.id))
            verify_quarantine(layout.quarantine_table, [state], {own: quarantined[own]} if own in quarantined else {})
        except CheckpointError as error:
            log.warning("%s", error)
            broken.append(stream)
        else:
            states.append(state)
    if not broken:
        try:
            verify_quarantine(layout.quarantine_table, states, quarantined)
        except CheckpointError as error:
            raise CheckpointError(
                f"bronze.{layout.quarantine_table} has rows of a checkpoint that is gone, and no other table has: "
                "where its stream is to go on is not known; `make start-over` reads the topics from their beginning"
            ) from error
    return broken


def position_of(spark: SparkSession, layout: Layout, stream: Stream, spans: Spans) -> Position:
    """What the tables say of a stream; ``spans`` are the offsets that the broker holds now, by partition.

    Raises:
        CheckpointError: they do not say enough, or another checkpoint than one has written the table.
    """
    written = written_transactions(spark, stream.table_path)
    own = {name.partition(":")[2]: batch for name, batch in written.items() if name.startswith(f"{stream.table}:")}
    if len(own) != 1:
        raise CheckpointError(
            f"bronze.{stream.table} was written from {len(own)} checkpoints: where to go on cannot be read from it; "
            "`make start-over` reads the topics from their beginning"
        )
    ((own_id, finished),) = own.items()
    bronze = _reach(spark, stream.table_path, stream)
    aside = _reach(spark, layout.quarantine_path, stream, F.col("_batch_id") <= finished)
    half = _reach(spark, layout.quarantine_path, stream, F.col("_batch_id") > finished)
    return _position(own_id, finished, spans, _joined((bronze, aside)), half)


def restore(s3: Any, stream: Stream, position: Position) -> None:
    """Replace the files of a stream's checkpoint.

    Repeat it when it was interrupted: the writer refuses to start from a half of it.
    """
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=stream.bucket, Prefix=f"{stream.checkpoint_key}/"):
        for item in page.get("Contents", ()):
            s3.delete_object(Bucket=stream.bucket, Key=item["Key"])
    finished = (position.finished_batch, position.ends)
    for name, content in files(stream.topic, position.checkpoint_id, position.begins, finished, position.half_done):
        s3.put_object(Bucket=stream.bucket, Key=f"{stream.checkpoint_key}/{name}", Body=content)


def _position(own_id: str, finished: int, spans: Spans, landed: Spans, half: Spans) -> Position:
    """``landed`` and ``half`` are the first offset and the one after the last, by partition."""
    begins, ends = {}, {}
    for partition in sorted(spans.keys() | landed.keys() | half.keys()):
        known = landed.get(partition) or half.get(partition)
        begins[partition] = known[0] if known else spans[partition][0]
        ends[partition] = landed[partition][1] if partition in landed else begins[partition]
    half_done = {partition: max(end, half.get(partition, (0, 0))[1]) for partition, end in ends.items()}
    return Position(own_id, begins, finished, ends, half_done if half else None)


def _reach(spark: SparkSession, path: str, stream: Stream, where: Column | None = None) -> dict[int, tuple[int, int]]:
    """First offset and the one after the last of a stream's rows in a table, by partition."""
    rows: DataFrame = spark.read.format("delta").load(path).where(F.col("_topic") == stream.topic)
    if where is not None:
        rows = rows.where(where)
    found = rows.groupBy("_partition").agg(F.min("_offset").alias("first"), F.max("_offset").alias("last")).collect()
    return {row["_partition"]: (row["first"], row["last"] + 1) for row in found}


def _joined(reaches: Iterable[Spans]) -> dict[int, tuple[int, int]]:
    joined: dict[int, tuple[int, int]] = {}
    for reach in reaches:
        for partition, (first, end) in reach.items():
            known = joined.get(partition, (first, end))
            joined[partition] = (min(known[0], first), max(known[1], end))
    return joined
