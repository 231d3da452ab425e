"""Writing a lost or damaged checkpoint anew from what the tables hold.

Every row of Bronze and quarantine says which offset it is and which batch brought it, and Delta's log says whose
batches these were. That is all a checkpoint knows: its id, its newest batch, and where that begins and ends. A batch
lands in Bronze first and in quarantine last, so of the newest one in Bronze quarantine may lack its part. If the two
hold every message up to its last known one it is finished. Otherwise it is planned again, up to that message: what the
writer finds in Bronze it leaves there, and the rest goes to quarantine.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_stream.checkpoint_identity import app_id, read_checkpoint, verify_quarantine, verify_table
from fraud_stream.checkpoint_log import files, require_whole
from fraud_stream.errors import CheckpointError
from fraud_stream.streams import Layout, Stream
from fraud_stream.tables import written_transactions

log = logging.getLogger(__name__)

Spans = Mapping[int, tuple[int, int]]
# by partition: a table's first offset, the one after its last, and how many rows lie between
Reaches = Mapping[int, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Position:
    """How far the tables say that a stream has come; offsets by partition are those of the next message."""

    checkpoint_id: str
    # where the stream began to read
    begins: Mapping[int, int]
    # the newest batch, where it begins and ends, and whether all of it is in the tables
    batch: int
    before: Mapping[int, int]
    ends: Mapping[int, int]
    is_finished: bool


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
        CheckpointError: they do not say enough, another checkpoint than one has written the table, or quarantine has a
            batch that Bronze lacks.
    """
    written = written_transactions(spark, stream.table_path)
    own = {name.partition(":")[2]: batch for name, batch in written.items() if name.startswith(f"{stream.table}:")}
    if len(own) != 1:
        raise CheckpointError(
            f"bronze.{stream.table} was written from {len(own)} checkpoints: where to go on cannot be read from it; "
            "`make start-over` reads the topics from their beginning"
        )
    ((own_id, newest),) = own.items()
    aside = written_transactions(spark, layout.quarantine_path).get(app_id(layout.quarantine_table, own_id), -1)
    if aside > newest:
        raise CheckpointError(
            f"bronze.{layout.quarantine_table} has batch {aside} of {stream.topic}, and bronze.{stream.table} ends "
            f"with batch {newest}: its rows are missing; `make start-over` reads the topics from their beginning"
        )
    earlier, last = (
        _joined(_reach(spark, path, stream, of_batch) for path in (stream.table_path, layout.quarantine_path))
        for of_batch in (F.col("_batch_id") < newest, F.col("_batch_id") == newest)
    )
    return _position(own_id, newest, spans, earlier, last)


def restore(s3: Any, stream: Stream, position: Position) -> None:
    """Replace the files of a stream's checkpoint.

    Repeat it when it was interrupted: the writer refuses to start from a half of it.
    """
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=stream.bucket, Prefix=f"{stream.checkpoint_key}/"):
        for item in page.get("Contents", ()):
            s3.delete_object(Bucket=stream.bucket, Key=item["Key"])
    span = (position.before, position.ends)
    written = files(
        stream.topic,
        position.checkpoint_id,
        position.begins,
        position.batch,
        span,
        is_finished=position.is_finished,
    )
    for name, content in written:
        s3.put_object(Bucket=stream.bucket, Key=f"{stream.checkpoint_key}/{name}", Body=content)


def _position(own_id: str, batch: int, spans: Spans, earlier: Reaches, last: Reaches) -> Position:
    """What the tables hold of the batches before ``batch``, and of itself; ``spans`` is what the broker holds."""
    begins, before, ends = {}, {}, {}
    for partition in sorted(spans.keys() | earlier.keys() | last.keys()):
        if partition in earlier:
            begins[partition], before[partition], _ = earlier[partition]
        else:
            # what the broker holds before the first message that landed may have been on its way to quarantine
            begins[partition] = min(each[partition][0] for each in (spans, last) if partition in each)
            before[partition] = begins[partition]
        ends[partition] = max(before[partition], last[partition][1]) if partition in last else before[partition]
    span = sum(ends[partition] - before[partition] for partition in ends)
    return Position(own_id, begins, batch, before, ends, is_finished=span == sum(rows for _, _, rows in last.values()))


def _reach(spark: SparkSession, path: str, stream: Stream, where: Column) -> dict[int, tuple[int, int, int]]:
    """How far a stream's rows in a table reach."""
    rows = spark.read.format("delta").load(path).where(F.col("_topic") == stream.topic).where(where)
    reach = (F.min("_offset").alias("first"), F.max("_offset").alias("last"), F.count("*").alias("rows"))
    found = rows.groupBy("_partition").agg(*reach).collect()
    return {row["_partition"]: (row["first"], row["last"] + 1, row["rows"]) for row in found}


def _joined(reaches: Iterable[Reaches]) -> dict[int, tuple[int, int, int]]:
    joined: dict[int, tuple[int, int, int]] = {}
    for reach in reaches:
        for partition, (first, end, rows) in reach.items():
            known = joined.get(partition, (first, end, 0))
            joined[partition] = (min(known[0], first), max(known[1], end), known[2] + rows)
    return joined
