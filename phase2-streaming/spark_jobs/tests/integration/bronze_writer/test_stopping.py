"""What a writer that ends leaves behind, what conservation sees, and when one refuses to start."""

import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fraud_contracts import (
    BRONZE,
    CATALOG,
    LABELS,
    TRANSACTIONS,
)
from fraud_stream import object_store
from fraud_stream.checkpoint_identity import app_id, read_checkpoint
from fraud_stream.freshness import REMEDY
from fraud_stream.session import start_session
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream, trino_table
from fraud_stream.tables import append

pytestmark = pytest.mark.integration


@pytest.mark.slow
def test_kill_9_in_the_middle_and_a_lost_commit_record_change_nothing(
    running: Any,
    exporter: Any,
    feed: Any,
    bucket: Any,
    transactions: Stream,
    acknowledged: Callable[[Stream], dict[str, float]],
    writer_settings: Any,
) -> None:
    stop = threading.Event()
    commits = f"{transactions.checkpoint_key}/commits/"

    def committed() -> dict[str, Any]:
        # the folder's own marker has no number
        found = {item.key.rpartition("/")[2]: item for item in bucket.objects.filter(Prefix=commits)}
        return {name: item for name, item in found.items() if name.isdigit()}

    def keep_sending() -> None:
        while not stop.is_set():
            feed.send_good(400, 20)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    time.sleep(4)
    deadline = time.monotonic() + 60
    while not committed() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    stop.set()
    sender.join()
    # Paimon's device: without its last commit record Spark runs the last batch again, whatever the kill hit
    records = committed()
    records[max(records, key=int)].delete()
    before = read_checkpoint(
        object_store.connect(writer_settings), writer_settings.s3_bucket, transactions.checkpoint_key
    )
    began = time.monotonic()
    running.start()
    running.wait_ready()
    assert time.monotonic() - began < 60
    code, verdict, text = running.conservation()
    assert code == 0, text
    assert verdict[transactions.topic]["duplicated"] == 0
    after = read_checkpoint(
        object_store.connect(writer_settings), writer_settings.s3_bucket, transactions.checkpoint_key
    )
    assert after.id == before.id
    assert after.committed_batch > before.committed_batch
    none = dict.fromkeys(acknowledged(transactions), 0)
    exporter.wait_for(none, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=transactions.topic)


def test_one_missing_ledger_line_turns_conservation_red(running: Any, transactions: Stream, tmp_path: Path) -> None:
    assert running.conservation()[0] == 0
    ledger = Path(running.environment["FRAUD_PRODUCER_LEDGER_DIR"])
    copy = tmp_path / "ledger"
    for path in ledger.glob("*/*.csv"):
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines(keepends=True)
        if path.parent.name == transactions.topic:
            del lines[17]
        (copy / path.parent.name / path.name).write_text("".join(lines))
    code, verdict, text = running.conservation("--ledger-dir", str(copy), wait=0)
    assert code == 1
    assert verdict[transactions.topic]["unexplained"] == 1
    assert "unexplained" in text


@pytest.fixture
def copies(
    running: Any,
    layout: Layout,
    trino: Any,
    bucket: Any,
    writer_settings: WriterSettings,
    spark_process: Callable[[Callable[[], SparkSession]], SparkSession],
    unused_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Copies of the Bronze tables, made with Spark: `_less` lacks a payment and a label, `_twice` has one twice."""
    # beside the driver: it lives until the session ends
    own = {name: unused_port() for name in ("driver_port", "block_manager_port", "ui_port")}
    settings = writer_settings.model_copy(update={**own, "work_dir": tmp_path_factory.mktemp("doctoring")})
    spark = spark_process(lambda: start_session(settings))
    made = []
    for stream in layout.streams:
        rows = spark.read.format("delta").load(stream.table_path)
        first = rows.where("_partition = 1 AND _offset = 3")
        assert first.count() == (stream.contract in (TRANSACTIONS, LABELS))
        for suffix, doctored in (
            ("_less", rows.where("NOT (_partition = 1 AND _offset = 3)")),
            ("_twice", rows.union(first)),
        ):
            name = f"{stream.table}{suffix}"
            key = f"{BRONZE}/{name}"
            path = f"s3a://{layout.bucket}/{key}"
            # the same application and batch again: Delta must take the first and skip the second
            for _ in range(2):
                append(doctored.coalesce(1), path, app_id(name, "copy"), 0)
            trino.query(f"CALL {CATALOG}.system.register_table('{BRONZE}', '{name}', 's3://{layout.bucket}/{key}')")
            made.append((name, key))
    yield "copies"
    for name, key in made:
        trino.query(f"CALL {CATALOG}.system.unregister_table('{BRONZE}', '{name}')")
        bucket.objects.filter(Prefix=key).delete()


@pytest.mark.slow
@pytest.mark.usefixtures("copies")
def test_one_removed_and_one_added_row_turn_conservation_red(running: Any, transactions: Stream) -> None:
    code, verdict, text = running.conservation("--table-suffix", "_less", wait=0)
    assert code == 1
    assert (verdict[transactions.topic]["missing"], verdict[transactions.topic]["duplicated"]) == (1, 0)
    assert re.search(r"missing .* partition 1: offsets \[3\]", text), text
    code, verdict, text = running.conservation("--table-suffix", "_twice", wait=0)
    assert code == 1
    assert (verdict[transactions.topic]["missing"], verdict[transactions.topic]["duplicated"]) == (0, 1)
    assert re.search(r"duplicated .* partition 1: offsets \[3\]", text), text


def test_freshness_lag_and_validation_see_a_stopped_writer(
    running: Any, feed: Any, transactions: Stream, trino: Any
) -> None:
    assert running.run("freshness").returncode == 0
    code, landed, text = running.conservation()
    assert code == 0, text
    assert running.end(signal.SIGTERM) == 0, running.log.read_text()[-3000:]
    silent = running.run("freshness", "--wait", "0", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="0.5")
    assert silent.returncode == 0, silent.stdout
    sent = time.monotonic()
    feed.send_good(30)
    young = running.run("freshness", "--wait", "0", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="600")
    assert young.returncode == 0, young.stdout
    time.sleep(1)
    stale = running.run("freshness", "--wait", "1", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="0.5")
    assert stale.returncode == 1
    assert re.search(rf"{re.escape(transactions.topic)} partition \d: .*offset \d+", stale.stdout), stale.stdout
    assert stale.stdout.endswith(f"{REMEDY}\n")
    lag = running.run("lag")
    assert re.search(r"all .* 30 ", lag.stdout), lag.stdout
    assert lag.stdout.count(transactions.topic) == 3
    waited = time.monotonic() - sent
    invalid = running.run("validate", "--wait", "0")
    assert invalid.returncode == 1
    (row,) = (line for line in invalid.stdout.splitlines() if transactions.topic in line and "│" in line)
    cells = [cell.strip() for cell in row.strip("│ ").split("│")]
    before = landed[transactions.topic]
    ((newest,),) = trino.query(
        f"SELECT format_datetime(max(event_time), 'yyyy-MM-dd HH:mm:ss') FROM {trino_table(transactions.table)}"
    )
    unread, unit = cells.pop(10).split()
    assert cells == [
        transactions.topic,
        *(str(before["produced"] + 30),) * 2,
        *(str(before[name]) for name in ("bronze", "quarantine")),
        *("30", "0", "0", "0"),
        *("30", newest, "NO"),
    ]
    assert unit == "s"
    assert waited - 1 <= int(unread) <= time.monotonic() - sent + 1


def test_the_lag_of_a_dead_stream_grows_by_what_is_produced(
    running: Any, exporter: Any, feed: Any, transactions: Stream
) -> None:
    """After the test before: the writer is stopped, and some messages wait already."""
    assert running.process.poll() is not None
    place = {"consumergroup": "bronze-stream", "topic": transactions.topic}
    exporter.wait_for({"": 0}, "fraud_conservation_gap_messages", topic=transactions.topic)
    waiting = Counter(exporter.figures("kafka_consumergroup_lag", **place))
    assert waiting.total() == 30
    (younger,) = exporter.figures("fraud_bronze_oldest_unread_seconds", topic=transactions.topic).values()
    sent = feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(40)])
    more = Counter(str(partition) for partition, _ in sent)
    exporter.wait_for(dict(waiting + more), "kafka_consumergroup_lag", **place)
    time.sleep(1)
    (older,) = exporter.figures("fraud_bronze_oldest_unread_seconds", topic=transactions.topic).values()
    # the oldest is still the one that was the oldest before
    assert older > younger + 1


def test_a_port_that_is_held_is_named(running: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = running.run("bronze-writer", SPARK_DRIVER_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("fraud-stream: Spark did not start: java.net.BindException"), done.stderr
    assert "'sparkDriver'" in last


def test_a_deleted_checkpoint_refuses_to_start(running: Any, bucket: Any, transactions: Stream) -> None:
    bucket.objects.filter(Prefix=transactions.checkpoint_key).delete()
    done = running.run("bronze-writer")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"fraud-stream: bronze.{transactions.table} was written from checkpoint"), done.stderr
    assert "Traceback" not in done.stderr
