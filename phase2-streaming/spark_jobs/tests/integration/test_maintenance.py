"""What maintenance removes and what it keeps, on the object store and read by both engines."""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_contracts import BRONZE, CATALOG
from fraud_stream.errors import LakehouseError, ModelRegistryError
from fraud_stream.maintenance import Caretaker, MaintainedTable, Maintenance
from fraud_stream.model_pins import Pins, read_pins
from fraud_stream.session import start_session
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, trino_table
from fraud_stream.tables import PROPERTIES, append, compact, written_transactions

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROWS = 40
DAYS = ("2026-03-01", "2026-03-02")
# the writer folds a table's files every ten minutes: so often in a day, whatever the number of batches between
FOLDINGS = 144
APPENDS = 2
# what is left of a day's log when it is cleaned must not depend on how long the day was
COMMITS_OF_TODAY = 30
# two streams and maintenance
FOLDERS = 3
READER_PAUSE_SECONDS = 0.3
# how long vacuum leaves a reader his files where days would be too long for a test: no read takes so long
READER_SECONDS = 30
# from this folding on the table is maintained as well, round after round
FIRST_MAINTAINED = FOLDINGS - 12
# how Spark says that a version is known and its files are not there; its exceptions have no class in Python
GONE = r"FAILED_READ_FILE.FILE_NOT_EXIST"


@pytest.fixture(scope="module")
def spark(
    spark_process: Callable[[Callable[[], SparkSession]], SparkSession], writer_settings: WriterSettings
) -> SparkSession:
    session = spark_process(lambda: start_session(writer_settings))
    # what is kept for no time at all goes at once: tests do not wait for days
    session.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    return session


@dataclass
class Grown:
    """A Delta table that grows by micro-batches of 40 rows, over two days of events."""

    spark: SparkSession
    table: MaintainedTable
    batches: Iterator[int] = field(default_factory=itertools.count)

    def create(self) -> None:
        properties = ", ".join(f"'{name}' = '{value}'" for name, value in PROPERTIES.items())
        self.spark.sql(
            f"CREATE TABLE delta.`{self.table.path}` (id bigint, event_date date) USING delta "
            f"PARTITIONED BY (event_date) TBLPROPERTIES ({properties})"
        )

    def grow(self, batches: int) -> None:
        for number in itertools.islice(self.batches, batches):
            rows = self.spark.range(number * ROWS, (number + 1) * ROWS, 1, 1).withColumn(
                "event_date", F.to_date(F.lit(DAYS[number % 2]))
            )
            append(rows, self.table.path, "test", number)

    @property
    def version(self) -> int:
        return int(self.spark.sql(f"DESCRIBE HISTORY delta.`{self.table.path}` LIMIT 1").collect()[0]["version"])

    def count(self, version: int | None = None) -> int:
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        # a count of rows would be answered from the log alone
        return len(reader.load(self.table.path).select("id").distinct().collect())

    @property
    def log(self) -> Path:
        """The folder of the log; for a table in a local folder."""
        return Path(self.table.path.removeprefix("file://")) / "_delta_log"

    def age_log(self, up_to: int, days: int) -> None:
        """Let the log of the versions up to one look so many days old."""
        for path in self.log.iterdir():
            number = path.name.lstrip(".").partition(".")[0]
            if number.isdigit() and int(number) <= up_to:
                moment = time.time() - days * 86_400 + int(number)
                os.utime(path, (moment, moment))

    def log_entries(self) -> int:
        return len(list(self.log.glob("*.json")))

    def files(self) -> int:
        """How many files the newest version consists of."""
        return len(self.spark.read.format("delta").load(self.table.path).inputFiles())

    def stored_files(self) -> int:
        """How many files of any version there are; for a table in a local folder."""
        folder = Path(self.table.path.removeprefix("file://"))
        return len(list(folder.rglob("*.parquet"))) - len(list(folder.glob("_delta_log/*.parquet")))

    def keep_removed_files(self, seconds: int) -> None:
        """Let vacuum keep them so long; :class:`Maintenance` counts in hours."""
        wanted = f"'delta.deletedFileRetentionDuration' = 'interval {seconds} seconds'"
        self.spark.sql(f"ALTER TABLE delta.`{self.table.path}` SET TBLPROPERTIES ({wanted})")


@pytest.fixture
def grown(spark: SparkSession, layout: Layout, bucket: Any, trino: Any) -> Iterator[Grown]:
    """A table on the object store that Trino knows."""
    name = f"{layout.namespace}upkeep"
    key = f"{BRONZE}/{name}"
    grown = Grown(spark, MaintainedTable(name, f"s3a://{layout.bucket}/{key}"))
    grown.create()
    trino.query(f"CALL {CATALOG}.system.register_table('{BRONZE}', '{name}', 's3://{layout.bucket}/{key}')")
    yield grown
    trino.query(f"CALL {CATALOG}.system.unregister_table('{BRONZE}', '{name}')")
    bucket.objects.filter(Prefix=f"{key}/").delete()


@pytest.fixture
def local(spark: SparkSession, tmp_path: Path) -> Grown:
    """A table whose files can be made to look old."""
    grown = Grown(spark, MaintainedTable("local", f"file://{tmp_path}/local"))
    grown.create()
    return grown


def test_an_old_version_that_a_model_names_is_readable_after_maintenance_and_others_are_gone(
    grown: Grown, trino: Any
) -> None:
    maintenance = Maintenance(grown.spark, timedelta(0))
    maintenance.prepare(grown.table)
    grown.grow(3)
    before = grown.version
    compact(grown.spark, grown.table.path)
    grown.grow(2)
    named = grown.version
    compact(grown.spark, grown.table.path)
    grown.grow(1)
    newest = grown.version
    # and one that never was
    maintenance.maintain(grown.table, [named, 4711])
    assert grown.version == newest, "maintenance committed something beside the streaming queries"
    assert (grown.count(), grown.count(named)) == (6 * ROWS, 5 * ROWS)
    table = trino_table(grown.table.name)
    assert trino.query(f"SELECT count(DISTINCT id) FROM {table} FOR VERSION AS OF {named}") == [[5 * ROWS]]
    assert trino.query(f"SELECT count(DISTINCT id) FROM {table}") == [[6 * ROWS]]
    with pytest.raises(Py4JJavaError, match=GONE):
        grown.count(before)
    with pytest.raises(LakehouseError):
        trino.query(f"SELECT count(DISTINCT id) FROM {table} FOR VERSION AS OF {before}")
    # the model is deleted: nothing names that version any more
    maintenance.maintain(grown.table, [])
    with pytest.raises(Py4JJavaError, match=GONE):
        grown.count(named)
    assert grown.count() == 6 * ROWS


def test_within_the_retention_every_version_stays(grown: Grown) -> None:
    maintenance = Maintenance(grown.spark, timedelta(days=30))
    maintenance.prepare(grown.table)
    grown.grow(4)
    old = grown.version
    compact(grown.spark, grown.table.path)
    maintenance.maintain(grown.table, [])
    assert grown.count(old) == 4 * ROWS


def test_nothing_is_removed_while_nobody_says_what_models_name(grown: Grown) -> None:
    maintenance = Maintenance(grown.spark, timedelta(0))
    maintenance.prepare(grown.table)
    # two files of each day, or there is nothing to fold
    grown.grow(4)
    old = grown.version
    compact(grown.spark, grown.table.path)

    def silent() -> Pins:
        raise ModelRegistryError("MLflow does not answer")

    Caretaker(maintenance, [grown.table], silent, lambda: None, 1).go_round()
    assert grown.count(old) == 4 * ROWS
    Caretaker(
        maintenance, [grown.table], lambda: {(BRONZE, grown.table.name): frozenset({old})}, lambda: None, 1
    ).go_round()
    assert grown.count(old) == 4 * ROWS
    Caretaker(maintenance, [grown.table], dict, lambda: None, 1).go_round()
    with pytest.raises(Py4JJavaError, match=GONE):
        grown.count(old)


def test_log_entries_go_once_no_version_needs_them(local: Grown) -> None:
    maintenance = Maintenance(local.spark, timedelta(days=10))
    maintenance.prepare(local.table)
    local.grow(70)
    newest = local.version
    local.age_log(50, 20)
    everything = local.log_entries()
    maintenance.maintain(local.table, [5])
    assert local.log_entries() == everything, "a model names a version as old as the oldest"
    maintenance.maintain(local.table, [])
    assert local.log_entries() < everything - 20
    assert local.version == newest
    assert local.count() == 70 * ROWS
    assert local.count(60) == local.count() - (newest - 60) * ROWS


def test_the_pins_are_those_of_a_real_registry(stack: Any) -> None:
    stack.need("mlflow")
    api = f"{stack.env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow"
    name = f"pins-{os.getpid()}"
    named = {"features": {"table": "delta.bronze.transactions", "version": 4711}}
    httpx.post(f"{api}/registered-models/create", json={"name": name}, timeout=30).raise_for_status()
    try:
        version = {"name": name, "source": f"s3://{stack.env['S3_BUCKET']}/mlflow/nowhere", "tags": []}
        version["tags"] = [{"key": "data_version", "value": json.dumps(named)}]
        httpx.post(f"{api}/model-versions/create", json=version, timeout=30).raise_for_status()
        assert 4711 in read_pins(stack.env["MLFLOW_TRACKING_URI"])[BRONZE, "transactions"]
    finally:
        httpx.request("DELETE", f"{api}/registered-models/delete", json={"name": name}, timeout=30).raise_for_status()
    assert 4711 not in read_pins(stack.env["MLFLOW_TRACKING_URI"]).get((BRONZE, "transactions"), frozenset())


def test_a_day_of_foldings_keeps_the_number_of_files_bounded_and_readers_undisturbed(local: Grown) -> None:
    """As many foldings as a day has, with two micro-batches between them and not the sixty of a 10 s trigger.

    Counted are the files of the newest version, before and after each folding; the files of any version that are
    stored, before and after each round of maintenance; and the entries of the log: of the day one for each commit,
    and, once the day is old, those since the last checkpoint before its end.
    """
    maintenance = Maintenance(local.spark, timedelta(0))
    maintenance.prepare(local.table)
    local.keep_removed_files(READER_SECONDS)
    stop = threading.Event()
    seen: list[int] = []
    # files before the first round of maintenance and after each
    stored: list[int] = []
    failures: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(local.count())
            except Exception as error:
                failures.append(error)
            # there are two cores, and the writer is to have one
            stop.wait(READER_PAUSE_SECONDS)

    def maintain() -> None:
        while not stop.is_set():
            try:
                maintenance.maintain(local.table, [])
                stored.append(local.stored_files())
            except Exception as error:
                failures.append(error)

    local.grow(1)
    live, after = [], []
    with ThreadPoolExecutor(2) as beside:
        # a reader of the newest version
        beside.submit(read)
        try:
            for folding in range(FOLDINGS):
                if folding == FIRST_MAINTAINED:
                    stored.append(local.stored_files())
                    beside.submit(maintain)
                local.grow(APPENDS)
                live.append(local.files())
                compact(local.spark, local.table.path)
                after.append(local.files())
        finally:
            stop.set()
    assert failures == []
    assert len(seen) > FOLDINGS
    assert seen == sorted(seen), "a reader saw rows come and go"
    assert max(after) == len(DAYS)
    assert max(live) <= len(DAYS) + APPENDS
    assert len(stored) > 1
    assert max(stored[1:]) < stored[0]
    # nobody reads any more: nothing is kept for the time of a query
    maintenance.prepare(local.table)
    maintenance.maintain(local.table, [])
    assert local.stored_files() == len(DAYS)
    newest = local.version
    assert local.log_entries() <= newest + 1
    # the next day: all but the newest commits are as old as nobody needs them
    old = newest - COMMITS_OF_TODAY
    local.age_log(old, 2)
    maintenance.maintain(local.table, [])
    assert local.log_entries() <= COMMITS_OF_TODAY + int(PROPERTIES["delta.checkpointInterval"]) + 1
    assert local.count() == (1 + FOLDINGS * APPENDS) * ROWS


def test_several_who_fold_one_table_and_append_to_it_at_once_all_succeed(local: Grown) -> None:
    """As the streams do that share the quarantine table, each in a thread of its own, and maintenance beside them."""
    local.grow(12)
    together = threading.Barrier(FOLDERS + 1)

    def fold() -> None:
        together.wait()
        compact(local.spark, local.table.path)

    def write() -> None:
        together.wait()
        local.grow(6)

    with ThreadPoolExecutor(FOLDERS + 1) as threads:
        done = [*(threads.submit(fold) for _ in range(FOLDERS)), threads.submit(write)]
    for one in done:
        one.result()
    assert local.count() == 18 * ROWS
    compact(local.spark, local.table.path)
    assert local.files() == len(DAYS)


def test_a_tables_transactions_are_known_with_and_without_checksum_files(local: Grown) -> None:
    delta_log: Any = local.spark._jvm.org.apache.spark.sql.delta.DeltaLog  # type: ignore[union-attr]
    local.grow(3)
    assert written_transactions(local.spark, local.table.path) == {"test": 2}
    for path in (Path(local.table.path.removeprefix("file://")) / "_delta_log").glob("*.crc"):
        path.unlink()
    delta_log.clearCache()
    assert written_transactions(local.spark, local.table.path) == {"test": 2}
