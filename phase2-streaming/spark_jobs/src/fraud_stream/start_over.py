"""Reading the raw topics from their beginning into new tables: the way back when checkpoint and tables have parted.

All tables of a namespace go at once, because they share the quarantine table. It is refused while the Bronze writer
runs, and where the broker no longer holds what the tables do: then reading again would lose it.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from fraud_contracts import BRONZE, CATALOG
from fraud_stream.broker import Broker
from fraud_stream.errors import CheckpointError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.offset_ranges import OffsetRanges
from fraud_stream.registration import registered_tables
from fraud_stream.streams import Layout, Stream

log = logging.getLogger(__name__)

# what one request of the store takes well within a client's patience
DELETED_AT_ONCE = 200


def require_everything_on_the_broker(broker: Broker, lakehouse: Lakehouse, layout: Layout) -> None:
    """Make sure that every message of the tables can be read again.

    Raises:
        CheckpointError: one has left its topic.
    """
    known = registered_tables(lakehouse)
    for stream in layout.streams:
        spans = broker.offsets(stream.topic)
        for table in {stream.table, layout.quarantine_table} & known:
            _require_held(stream, spans, lakehouse.landed_offsets(stream.topic, table))


def remove_tables_and_checkpoints(s3: Any, lakehouse: Lakehouse, layout: Layout) -> int:
    """Remove a namespace's Bronze and quarantine tables and the checkpoints that fed them; how many objects went.

    Repeat it when it was interrupted: the writer refuses to start from a half of it.
    """
    for table in sorted(layout.tables().keys() & registered_tables(lakehouse)):
        lakehouse.query(f"CALL {CATALOG}.system.unregister_table('{BRONZE}', '{table}')")
    removed = 0
    for key in (*layout.tables().values(), *(stream.checkpoint_key for stream in layout.streams)):
        names = list(_names(s3, layout.bucket, f"{key}/"))
        for start in range(0, len(names), DELETED_AT_ONCE):
            objects = [{"Key": name} for name in names[start : start + DELETED_AT_ONCE]]
            s3.delete_objects(Bucket=layout.bucket, Delete={"Objects": objects, "Quiet": True})
        log.info("removed s3://%s/%s: %d objects", layout.bucket, key, len(names))
        removed += len(names)
    return removed


def _require_held(
    stream: Stream, spans: Mapping[int, tuple[int, int]], landed: Mapping[int, Mapping[int, OffsetRanges]]
) -> None:
    for partition, by_times in landed.items():
        begin, _ = spans.get(partition, (0, 0))
        gone = sum(len(offsets.below(begin)) for offsets in by_times.values())
        if gone:
            raise CheckpointError(
                f"{stream.topic} partition {partition} begins at offset {begin}, and Bronze or quarantine hold {gone} "
                "messages from before it: reading the topic again would lose them; restore the checkpoint instead"
            )


def _names(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", ()))
