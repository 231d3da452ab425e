"""What happens to one micro-batch: decode, judge, set aside, land."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fraud_stream.checkpoint_identity import app_id
from fraud_stream.decode import UNKNOWN_SCHEMA, with_reasons, with_record
from fraud_stream.errors import RegistryError
from fraud_stream.failpoints import Failpoint, reach
from fraud_stream.progress import StreamMetrics, add_reasons
from fraud_stream.quality_checks import checks_of, warnings
from fraud_stream.quarantine import quarantine_rows, send_dead_letters
from fraud_stream.registry import SchemaCatalogue
from fraud_stream.streams import Layout, Stream
from fraud_stream.tables import append, bronze_rows, compact, with_stamp

log = logging.getLogger(__name__)

# of a judged row
IS_BAD: Final = "size(reasons) > 0"
IS_GOOD: Final = "size(reasons) = 0"
ROWS: Final = "rows"
# Rows that one task writes at most before a second one is worth its extra file.
ROWS_PER_FILE = 20_000
MAX_FILES = 2
# Every batch leaves a file or more in each table that it writes, and readers pay for each. Only this driver may write
# the tables, so it also folds them, once in about so many seconds of steady traffic.
COMPACT_SECONDS = 600
# where batches follow one another without a pause
COMPACT_EVERY_BATCHES = 300


def batches_between_compactions(trigger_seconds: float) -> int:
    """How many batches of steady traffic come until the next compaction is due."""
    return max(1, round(COMPACT_SECONDS / trigger_seconds)) if trigger_seconds else COMPACT_EVERY_BATCHES


def compaction_is_due(batch_id: int, every: int) -> bool:
    """Whether this batch folds its tables: the last one of ``every`` does."""
    return batch_id % every == every - 1


@dataclass(frozen=True, slots=True)
class BatchWriter:
    """Writes the micro-batches of one stream; an instance is the argument of ``foreachBatch``.

    The order is dead letters, quarantine, Bronze. Each Delta write is skipped by Delta if this batch of this
    checkpoint has been written, so a batch that a crash cut anywhere is finished by running it again.
    """

    stream: Stream
    layout: Layout
    catalogue: SchemaCatalogue
    metrics: StreamMetrics
    key: DataFrame
    bootstrap_servers: str
    # id of the checkpoint that runs this batch; it exists only once the query has started
    checkpoint_id: Callable[[], str]
    # raises when this driver may no longer write
    may_write: Callable[[], None]
    # small files of the stream's own table and of quarantine are folded once in so many batches
    compact_every: int = COMPACT_EVERY_BATCHES

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        reach(Failpoint.BATCH_PLANNED)
        checks = checks_of(self.stream.contract)
        registry_answered = self.catalogue.refresh()
        decoded = with_record(frame, self.stream.contract, self.catalogue.schemas)
        # One scan and one decode feed every output; good rows do not carry their bytes into the cache.
        judged = with_reasons(decoded, checks).withColumn("value", F.when(F.expr(IS_BAD), F.col("value")))
        # One task for each core, however many partitions the topic has: what a task costs before its first row adds up.
        cached = judged.coalesce(frame.sparkSession.sparkContext.defaultParallelism).persist(
            StorageLevel.MEMORY_AND_DISK
        )
        try:
            self._write(cached, batch_id, registry_answered=registry_answered)
        finally:
            cached.unpersist()

    def _write(self, cached: DataFrame, batch_id: int, *, registry_answered: bool) -> None:
        verdicts = self._verdicts(cached)
        good = verdicts.pop((), {})
        good_rows = good.pop(ROWS, 0)
        bad = sum(counts[ROWS] for counts in verdicts.values())
        self.may_write()
        if bad:
            by_reason = Counter[str]()
            for reasons, counts in verdicts.items():
                by_reason.update(dict.fromkeys(reasons, counts[ROWS]))
            self._set_aside(cached.where(IS_BAD), by_reason, batch_id, registry_answered=registry_answered)
        files = min(MAX_FILES, 1 + good_rows // ROWS_PER_FILE)
        landed = bronze_rows(with_stamp(cached.where(IS_GOOD), batch_id), self.stream).coalesce(files)
        append(landed, self.stream.table_path, app_id(self.stream.table, self.checkpoint_id()), batch_id)
        reach(Failpoint.BRONZE_WRITTEN)
        if compaction_is_due(batch_id, self.compact_every):
            compact(cached.sparkSession, self.stream.table_path)
            reach(Failpoint.BRONZE_COMPACTED)
            # the last thing of a batch: whatever it costs, and if it fails, the batch has landed
            compact(cached.sparkSession, self.layout.quarantine_path)
            reach(Failpoint.QUARANTINE_COMPACTED)
        self.metrics.bronze_rows.labels(self.stream.topic).inc(good_rows)
        self.metrics.quarantine_rows.labels(self.stream.topic).inc(bad)
        for check, rows in good.items():
            self.metrics.check_warnings.labels(self.stream.topic, check).inc(rows)

    def _verdicts(self, cached: DataFrame) -> dict[tuple[str, ...], dict[str, int]]:
        """For each combination of reasons, () for good rows: its rows, and how many of them each warning is about."""
        warned = warnings(checks_of(self.stream.contract))
        counts = (F.count_if(failed).alias(check) for check, failed in warned.items())
        found = cached.groupBy("reasons").agg(F.count("*").alias(ROWS), *counts).collect()
        return {tuple(row["reasons"]): {name: row[name] for name in (ROWS, *warned)} for row in found}

    def _set_aside(
        self, rejected: DataFrame, by_reason: Mapping[str, int], batch_id: int, *, registry_answered: bool
    ) -> None:
        if UNKNOWN_SCHEMA in by_reason and not registry_answered:
            # Not a verdict but a missing answer: the batch is tried again after a restart.
            raise RegistryError(
                f"the registry does not answer and {self.stream.topic} holds messages of a schema not seen before"
            )
        if send_dead_letters(rejected, self.key, self.stream, self.bootstrap_servers):
            add_reasons(self.metrics.dead_letter_reasons, self.stream.topic, by_reason)
        else:
            self.metrics.dead_letter_failures.labels(self.stream.topic).inc()
        reach(Failpoint.DEAD_LETTERS_SENT)
        table = self.layout.quarantine_table
        rows = quarantine_rows(with_stamp(rejected, batch_id), self.key).coalesce(1)
        append(rows, self.layout.quarantine_path, app_id(table, self.checkpoint_id()), batch_id)
        reach(Failpoint.QUARANTINE_WRITTEN)
        add_reasons(self.metrics.quarantine_reasons, self.stream.topic, by_reason)
        log.warning("%s batch %d: quarantined %s", self.stream.topic, batch_id, dict(by_reason))
