"""Housekeeping of the tables that this driver writes: old files and old log entries go, what a model names stays.

It runs inside the driver, because Delta's log on S3 is safe for one driver only, and beside the streaming queries. It
commits nothing that a query's commit could conflict with: vacuum and log cleanup change no version, a compaction stands
in no append's way, and of two compactions of one table the second is left out. A Bronze table is compacted by its own
query; the quarantine table by all of them, and here as well, because with little traffic they come to it seldom.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_contracts import BRONZE
from fraud_stream.errors import StreamError
from fraud_stream.failpoints import Failpoint, reach
from fraud_stream.jvm_errors import in_one_line
from fraud_stream.model_pins import Pins
from fraud_stream.progress import StreamMetrics
from fraud_stream.tables import compact, table_properties

log = logging.getLogger(__name__)

# A cut is made at a day's beginning, and clocks of the store and of this machine differ.
LOG_MARGIN: Final = timedelta(days=1)
# The first round comes after this share of the time between two rounds.
FIRST_ROUND_SHARE: Final = 1 / 24
STOP_SECONDS: Final = 5.0
# how Delta says that there is no such version (any more)
GONE: Final = ("DELTA_VERSION_NOT_FOUND", "DELTA_NO_RECREATABLE_HISTORY_FOUND", "DELTA_TRUNCATED_TRANSACTION_LOG")


@dataclass(frozen=True, slots=True)
class MaintainedTable:
    """One Delta table that this driver writes."""

    name: str
    path: str
    # whether small files are folded here, because its own writers do so only now and then
    compacts: bool = False


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What is done to one table, and how long it stays as it was."""

    spark: SparkSession
    retention: timedelta

    @property
    def properties(self) -> dict[str, str]:
        """The Delta properties that every table is to have."""
        hours = f"interval {int(self.retention.total_seconds() // 3600)} hours"
        return {
            "delta.deletedFileRetentionDuration": hours,
            "delta.logRetentionDuration": hours,
            "delta.enableExpiredLogCleanup": "false",
        }

    def prepare(self, table: MaintainedTable) -> None:
        """Let Delta remember removed files as long as vacuum keeps them, and not cut its log by itself.

        To be called while nobody writes: a change of properties makes commits fail that began before it.
        """
        wanted = self.properties
        if wanted.items() - table_properties(self.spark, table.path).items():
            pairs = ", ".join(f"'{name}' = '{value}'" for name, value in wanted.items())
            self.spark.sql(f"ALTER TABLE delta.`{table.path}` SET TBLPROPERTIES ({pairs})")

    def maintain(self, table: MaintainedTable, pinned: Iterable[int]) -> None:
        """Compact where that is wanted, then remove what neither ``retention`` nor a ``pinned`` version needs."""
        versions = self._readable(table, pinned)
        if table.compacts:
            compact(self.spark, table.path)
            reach(Failpoint.TABLE_COMPACTED)
        self._vacuum(table, versions)
        reach(Failpoint.TABLE_VACUUMED)
        self._clean_log(table, versions)

    def _readable(self, table: MaintainedTable, pinned: Iterable[int]) -> dict[int, DataFrame]:
        """The pinned versions; one that is gone is named, and holds nothing up.

        Raises:
            AnalysisException: a version cannot be read and may yet be there: then nothing may be removed.
        """
        found = {}
        for version in sorted(pinned):
            try:
                found[version] = self.spark.read.format("delta").option("versionAsOf", version).load(table.path)
            except AnalysisException as error:
                if error.getCondition() not in GONE:
                    raise
                log.warning(
                    "a model names version %d of bronze.%s, which is gone: %s",
                    version,
                    table.name,
                    in_one_line(error),
                )
        return found

    def _vacuum(self, table: MaintainedTable, pinned: dict[int, DataFrame]) -> None:
        # how much vacuum keeps is the property that `prepare` set
        if not pinned:
            self.spark.sql(f"VACUUM delta.`{table.path}`")
            return
        # Vacuum looks at an inventory instead of the folder: a file that is not in it cannot be removed.
        needed = {name.rpartition("/")[2] for version in pinned.values() for name in version.inputFiles()}
        files = (
            self.spark.read.format("binaryFile")
            .option("recursiveFileLookup", "true")
            .load(table.path)
            .select(
                "path",
                "length",
                F.lit(False).alias("isDir"),
                F.unix_millis("modificationTime").alias("modificationTime"),
            )
        )
        names = self.spark.createDataFrame([(name,) for name in needed], "name string")
        kept_out = files.join(names, F.substring_index("path", "/", -1) == F.col("name"), "left_anti")
        # Delta wants every column nullable, and a case without an else is
        is_file = F.col("path").isNotNull()
        inventory = kept_out.select(*(F.when(is_file, F.col(name)).alias(name) for name in kept_out.columns))
        view = f"inventory_{table.name}"
        inventory.createOrReplaceTempView(view)
        try:
            self.spark.sql(f"VACUUM delta.`{table.path}` USING INVENTORY (SELECT * FROM {view})")  # noqa: S608
        finally:
            self.spark.catalog.dropTempView(view)

    def _clean_log(self, table: MaintainedTable, pinned: Iterable[int]) -> None:
        jvm: Any = self.spark._jvm
        delta_log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, table.path)
        age = self.retention
        oldest = min(pinned, default=None)
        if oldest is not None:
            age = max(age, self._age(table, oldest) + LOG_MARGIN)
        milliseconds = jvm.java.util.OptionalLong.of(int(age.total_seconds() * 1000))
        snapshot = delta_log.update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty())
        delta_log.cleanUpExpiredLogs(
            snapshot,
            jvm.scala.Option.empty(),
            jvm.scala.jdk.javaapi.OptionConverters.toScala(milliseconds),
            getattr(delta_log, "cleanUpExpiredLogs$default$4")(),
        )

    def _age(self, table: MaintainedTable, version: int) -> timedelta:
        """How long ago a version was committed, by the time of its log entry."""
        jvm: Any = self.spark._jvm
        entry = jvm.org.apache.hadoop.fs.Path(f"{table.path}/_delta_log/{version:020d}.json")
        store = entry.getFileSystem(self.spark._jsparkSession.sessionState().newHadoopConf())
        return timedelta(seconds=time.time() - store.getFileStatus(entry).getModificationTime() / 1000)


class Caretaker:
    """Goes round all tables in the background as long as the driver writes; a round that fails is only logged."""

    def __init__(
        self,
        maintenance: Maintenance,
        tables: Iterable[MaintainedTable],
        pins: Callable[[], Pins],
        may_write: Callable[[], None],
        interval_seconds: float,
        metrics: StreamMetrics | None = None,
    ) -> None:
        """``pins`` says what models name, ``may_write`` raises when this driver may no longer write."""
        self._maintenance = maintenance
        self._tables = tuple(tables)
        self._pins = pins
        self._may_write = may_write
        self._interval = interval_seconds
        self._metrics = metrics
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def prepare(self) -> None:
        """Bring the tables' properties in line; call it before the first query starts."""
        for table in self._tables:
            self._maintenance.prepare(table)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no other table; one that is being maintained may be cut off, which harms nothing."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        wait = self._interval * FIRST_ROUND_SHARE
        while not self._stop.wait(wait):
            self.go_round()
            wait = self._interval

    def go_round(self) -> None:
        """Maintain every table once; nothing is removed while nobody can say what models name."""
        try:
            pins = self._pins()
        except StreamError as error:
            log.warning("no maintenance this time: %s", error)
            for table in self._tables:
                self._note(table, succeeded=False)
            return
        for table in self._tables:
            if self._stop.is_set():
                return
            began = time.monotonic()
            try:
                self._may_write()
                self._maintenance.maintain(table, pins.get((BRONZE, table.name), frozenset()))
            except (StreamError, PySparkException, Py4JError, ConnectionError) as error:
                if not self._stop.is_set():
                    log.warning("bronze.%s could not be maintained: %s", table.name, in_one_line(error))
                    self._note(table, succeeded=False)
            else:
                self._note(table, succeeded=True)
                log.info("bronze.%s is maintained, in %.1f s", table.name, time.monotonic() - began)

    def _note(self, table: MaintainedTable, *, succeeded: bool) -> None:
        if self._metrics is not None:
            self._metrics.note_maintenance(table.name, succeeded=succeeded)
