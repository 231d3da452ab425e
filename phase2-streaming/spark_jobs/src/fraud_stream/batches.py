"""What happens to one micro-batch: decode, judge, land, set aside."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final, Self

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812

from fraud_stream.checkpoint_identity import app_id
from fraud_stream.decode import FRAMING_REASONS, UNKNOWN_SCHEMA, with_reasons, with_record, with_schema_id
from fraud_stream.errors import QueryError, RegistryError
from fraud_stream.failpoints import Failpoint, reach
from fraud_stream.progress import StreamMetrics, add_reasons
from fraud_stream.quality_checks import checks_of, warning_bits, warnings
from fraud_stream.quarantine import quarantine_rows, send_dead_letters
from fraud_stream.registry import SchemaCatalogue
from fraud_stream.streams import Layout, Stream
from fraud_stream.tables import append, bronze_rows, compact, with_stamp, written_transactions

log = logging.getLogger(__name__)

# of a judged row
IS_GOOD: Final = "size(reasons) = 0"
# of a row that lands: which warn checks it fails; never a column of Bronze
WARNED: Final = "_warned"
# what is learned of a batch while it lands
ROWS: Final = "rows"
REJECTED: Final = "rejected"
# A row that is not in Bronze although today's checks let it pass: the batch landed by those of an earlier version.
LEFT_OUT: Final = "left_out_when_landed"
PLACE: Final = ("_partition", "_offset")
# the reasons of a rejected row as a number, so that a batch of nothing else stays small in the driver
BITS: Final = "_bits"
# As one text: each value of a list would be a question of its own to the JVM.
AS_TEXT: Final = f"concat_ws(':', _partition, _offset, {BITS})"
REJECTION_DDL: Final = f"_partition int, _offset bigint, {BITS} bigint"
OBSERVED_SECONDS: Final = 60.0
# Rows that one task takes at most before a second one is worth the extra file that it writes.
ROWS_PER_FILE: Final = 20_000
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
class Rejection:
    """A message that does not belong in Bronze: where in its topic it lies, and why, one bit for each reason."""

    partition: int
    offset: int
    bits: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what :data:`AS_TEXT` gives."""
        partition, offset, bits = text.split(":")
        return cls(int(partition), int(offset), int(bits))


@dataclass(slots=True)
class BatchWriter:
    """Writes the micro-batches of one stream; an instance's call is the argument of ``foreachBatch``.

    The order is Bronze, dead letters, quarantine. One pass reads, decodes and judges, lands the good rows and notes
    where the others lie and why; a second one, if there are any, only fetches their bytes. Each write carries the
    number of the batch, which Delta takes once. A batch that a crash cut anywhere is finished by running it again: once
    it is in Bronze, whatever of it is not there belongs in quarantine, however it would be judged today.
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
    # newest batch of the stream that was in Bronze before its query started
    landed_before: int = -1
    # small files of the stream's own table and of quarantine are folded once in so many batches
    compact_every: int = COMPACT_EVERY_BATCHES
    # how many rows the batch before had: how large the next one is, nobody says
    _recent_rows: int | None = None

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        reach(Failpoint.BATCH_PLANNED)
        registry_answered = self.catalogue.refresh()
        # One task for each core at most, however many partitions the topic has: what a task costs before its first row
        # adds up.
        messages = frame.coalesce(tasks_for(self._recent_rows, frame.sparkSession.sparkContext.defaultParallelism))
        if not registry_answered:
            self._require_known_schemas(messages)
        self.may_write()
        find = self._land if batch_id > self.landed_before else self._left_out
        rejections = find(messages, batch_id)
        reach(Failpoint.BRONZE_WRITTEN)
        if rejections:
            self._set_aside(messages, rejections, batch_id)
        if compaction_is_due(batch_id, self.compact_every):
            compact(frame.sparkSession, self.stream.table_path)
            reach(Failpoint.BRONZE_COMPACTED)
            # the last thing of a batch: whatever it costs, and if it fails, the batch has landed
            compact(frame.sparkSession, self.layout.quarantine_path)
            reach(Failpoint.QUARANTINE_COMPACTED)

    def _judged(self, messages: DataFrame) -> DataFrame:
        contract = self.stream.contract
        return with_reasons(with_record(messages, contract, self.catalogue.schemas), checks_of(contract))

    def _require_known_schemas(self, messages: DataFrame) -> None:
        """The registry does not answer: a schema that is not known yet is not a verdict but a missing answer.

        Raises:
            RegistryError: the batch has such messages; it is tried again after a restart.
        """
        framed = with_record(messages, self.stream.contract, self.catalogue.schemas)
        if not framed.where(F.col("framing_reason") == UNKNOWN_SCHEMA).isEmpty():
            raise RegistryError(
                f"the registry does not answer and {self.stream.topic} holds messages of a schema not seen before"
            )

    def _reason_names(self) -> tuple[str, ...]:
        """Every reason that a row of this stream can have, in the order of their bits."""
        judging = (check.name for check in checks_of(self.stream.contract) if check.severity == "quarantine")
        return (*FRAMING_REASONS, *judging, LEFT_OUT)

    def _bits(self) -> str:
        """SQL of a judged row's :data:`BITS`; 0 for a good row."""
        each = " | ".join(
            f"CASE WHEN array_contains(reasons, '{name}') THEN {1 << bit}L ELSE 0L END"
            for bit, name in enumerate(self._reason_names())
        )
        return f"CASE WHEN {IS_GOOD} THEN 0L ELSE {each} END"

    def _land(self, messages: DataFrame, batch_id: int) -> list[Rejection]:
        """Append the good rows to Bronze; the others are what it returns."""
        checks = checks_of(self.stream.contract)
        warned = [check.name for check in warnings(checks)]
        seen = Observation()
        judged = self._judged(messages.drop("key")).drop("value")
        # Observed before it is filtered: a filter Spark would move to the front, and decode once for each check in it.
        judged = judged.withColumns({WARNED: warning_bits(checks), BITS: F.expr(self._bits())}).observe(
            seen,
            F.count("*").alias(ROWS),
            F.expr(f"array_join(collect_list(CASE WHEN {BITS} <> 0 THEN {AS_TEXT} END), ' ')").alias(REJECTED),
            *(
                F.expr(f"count_if({WARNED} & {1 << bit} <> 0 AND {BITS} = 0)").alias(name)
                for bit, name in enumerate(warned)
            ),
        )
        landed = bronze_rows(with_stamp(judged.where(f"{BITS} = 0"), batch_id), self.stream)
        append(landed, self.stream.table_path, app_id(self.stream.table, self.checkpoint_id()), batch_id)
        found = observed(seen)
        rejections = [Rejection.parse(text) for text in found[REJECTED].split()]
        self._recent_rows = found[ROWS]
        self.metrics.bronze_rows.labels(self.stream.topic).inc(found[ROWS] - len(rejections))
        for check in warned:
            self.metrics.check_warnings.labels(self.stream.topic, check).inc(found[check])
        return rejections

    def _left_out(self, messages: DataFrame, batch_id: int) -> list[Rejection]:
        """The messages of a batch that has landed which are in neither table."""
        written = written_transactions(messages.sparkSession, self.layout.quarantine_path)
        if written.get(app_id(self.layout.quarantine_table, self.checkpoint_id()), -1) >= batch_id:
            return []
        spans = messages.groupBy("_partition").agg(F.min("_offset").alias("first"), F.max("_offset").alias("last"))
        # statistics of its files say which of them can hold these offsets: the table may be large
        within = [
            f"_partition = {row['_partition']} AND _offset BETWEEN {row['first']} AND {row['last']}"
            for row in spans.collect()
        ]
        if not within:
            return []
        bronze = messages.sparkSession.read.format("delta").load(self.stream.table_path)
        landed = bronze.where(f"_batch_id = {batch_id} AND ({' OR '.join(f'({span})' for span in within)})")
        left_out = self._judged(messages.join(landed.select(*PLACE), list(PLACE), "left_anti"))
        unexplained = 1 << self._reason_names().index(LEFT_OUT)
        bits = F.expr(f"CASE WHEN {IS_GOOD} THEN {unexplained}L ELSE {self._bits()} END")
        return [Rejection(*row) for row in left_out.select(*PLACE, bits).collect()]

    def _set_aside(self, messages: DataFrame, rejections: Sequence[Rejection], batch_id: int) -> None:
        """Send messages to the dead letter topic, and write them to quarantine."""
        self.may_write()
        names = self._reason_names()
        by_reason = Counter[str]()
        for bits, count in Counter(rejection.bits for rejection in rejections).items():
            by_reason.update({name: count for bit, name in enumerate(names) if bits & 1 << bit})
        places = messages.sparkSession.createDataFrame([astuple(each) for each in rejections], REJECTION_DDL)
        named = ", ".join(f"CASE WHEN {BITS} & {1 << bit}L <> 0 THEN '{name}' END" for bit, name in enumerate(names))
        rejected = with_schema_id(messages.join(F.broadcast(places), list(PLACE)))
        rejected = rejected.withColumn("reasons", F.expr(f"array_compact(array({named}))"))
        rejected = rejected.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            if send_dead_letters(rejected, self.key, self.stream, self.bootstrap_servers):
                add_reasons(self.metrics.dead_letter_reasons, self.stream.topic, by_reason)
            else:
                self.metrics.dead_letter_failures.labels(self.stream.topic).inc()
            reach(Failpoint.DEAD_LETTERS_SENT)
            table = self.layout.quarantine_table
            rows = quarantine_rows(with_stamp(rejected, batch_id), self.key).coalesce(1)
            append(rows, self.layout.quarantine_path, app_id(table, self.checkpoint_id()), batch_id)
            reach(Failpoint.QUARANTINE_WRITTEN)
        finally:
            rejected.unpersist()
        self.metrics.quarantine_rows.labels(self.stream.topic).inc(len(rejections))
        add_reasons(self.metrics.quarantine_reasons, self.stream.topic, by_reason)
        log.warning("%s batch %d: quarantined %s", self.stream.topic, batch_id, dict(by_reason))


def observed(seen: Observation) -> dict[str, Any]:
    """What was observed of an action that has ended.

    Raises:
        QueryError: nothing was. Delta skips a write whose batch is in the table, and then runs nothing; if that was not
            so when this driver started, somebody else's commit came late.
    """
    observation: Any = seen._jo
    deadline = time.monotonic() + OBSERVED_SECONDS
    while not observation.future().isCompleted():
        if time.monotonic() > deadline:
            raise QueryError("a batch that was not in Bronze when this writer started has been written by another one")
        time.sleep(0.01)
    return seen.get


def tasks_for(recent_rows: int | None, cores: int) -> int:
    """How many tasks, and so files, a batch is worth after one of so many rows; None: there was none yet."""
    return cores if recent_rows is None else min(cores, 1 + recent_rows // ROWS_PER_FILE)
