"""The Bronze writer on the real platform, through its whole life. The tests run in order and share one stream."""

import json
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from pyspark.sql import SparkSession

from fraud_contracts import BRONZE, CATALOG, LABELS, TRANSACTIONS, schema
from fraud_stream import object_store
from fraud_stream.checkpoint_identity import app_id, read_checkpoint
from fraud_stream.ledger import read_ledger
from fraud_stream.session import start_session
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream, trino_table
from fraud_stream.tables import append

pytestmark = pytest.mark.integration

GOOD = 3000
LABEL_COUNT = 200
# one seed for the random bytes: a failure can be repeated
RANDOM_BYTES = bytes((index * 197 + 31) % 251 for index in range(300))


@dataclass(frozen=True)
class Poison:
    """A message that must not reach Bronze, and why."""

    value: bytes | None
    reasons: set[str]


def poisons(feed: Any) -> dict[str, Poison]:
    good = feed.encode(TRANSACTIONS, feed.transaction())
    header = good[:5]

    def failing(**changes: Any) -> bytes:
        value: bytes = feed.encode(TRANSACTIONS, feed.transaction(**changes))
        return value

    # a string length of 1.5 GB: decoding it naively would reserve that much memory
    bomb = header + bytes.fromhex("80bcc1960b") + b"x" * 20
    return {
        "null": Poison(None, {"null_value"}),
        "empty": Poison(b"", {"truncated_header"}),
        "three bytes": Poison(b"\x00\x00\x00", {"truncated_header"}),
        "header only": Poison(header, {"undecodable_body"}),
        "other magic byte": Poison(b"\x01" + good[1:], {"bad_magic_byte"}),
        "plain JSON": Poison(b'{"transaction_id": "t1"}', {"bad_magic_byte"}),
        "unknown schema id": Poison(b"\x00\x00\x0f\x42\x3f" + good[5:], {"unknown_schema_id"}),
        "schema id beyond int": Poison(b"\x00\xff\xff\xff\xff" + good[5:], {"unknown_schema_id"}),
        "another subject's schema": Poison(feed.encode(LABELS, feed.label()), {"unknown_schema_id"}),
        "truncated": Poison(good[:-9], {"undecodable_body"}),
        "random bytes": Poison(header + RANDOM_BYTES, {"undecodable_body"}),
        "length bomb": Poison(bomb, {"undecodable_body"}),
        "no id": Poison(failing(transaction_id=""), {"transaction_id_length"}),
        "long id": Poison(failing(user_id="u" * 65), {"user_id_length"}),
        "no amount": Poison(failing(amount=Decimal("0.00")), {"amount_positive"}),
        "negative amount": Poison(failing(amount=Decimal("-1.00")), {"amount_positive"}),
        "absurd amount": Poison(failing(amount=Decimal("5000000000.00")), {"amount_bounded"}),
        "not a number": Poison(failing(latitude=float("nan")), {"latitude_range"}),
        "infinite": Poison(failing(longitude=float("-inf")), {"longitude_range"}),
        "from the future": Poison(failing(event_time=datetime(2100, 1, 1, tzinfo=UTC)), {"event_time_in_future"}),
        "from the past": Poison(failing(event_time=datetime(1931, 5, 6, tzinfo=UTC)), {"event_time_too_old"}),
        "end of time": Poison(feed.encode(TRANSACTIONS, feed.transaction(event_time=2**62)), {"event_time_in_future"}),
        "card number in clear": Poison(failing(card_hash="4111111111111111"), {"card_hash_format"}),
        "several at once": Poison(failing(currency="euro", country="Germany"), {"currency_format", "country_format"}),
        "invalid UTF-8": Poison(good.replace(b"EUR", b"\xff\xfeR"), {"text_encoding", "currency_format"}),
    }


@pytest.fixture(scope="module")
def bad(feed: Any) -> dict[str, Poison]:
    return poisons(feed)


@pytest.fixture(scope="module")
def places(feed: Any, bad: dict[str, Poison]) -> dict[str, tuple[int, int]]:
    """Where each poison went; good payments lie around it."""
    feed.send_good(GOOD, LABEL_COUNT)
    coordinates = feed.send(TRANSACTIONS, [poison.value for poison in bad.values()])
    feed.send_good(200)
    return dict(zip(bad, coordinates, strict=True))


@pytest.fixture(scope="module")
def running(driver: Any, places: dict[str, tuple[int, int]]) -> Any:
    """The driver, started once the topics hold good and bad messages, and known to Trino."""
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    return driver


def audit(driver: Any, tmp_path: Path, *arguments: str, wait: float = 240) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and text of `fraud-stream conservation`."""
    path = tmp_path / "conservation.json"
    done = driver.run("conservation", "--wait", str(wait), "--json", str(path), *arguments)
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(path.read_text()), done.stdout


def acknowledged(environment: dict[str, str], stream: Stream) -> dict[str, float]:
    """How many messages of each partition the ledger says were produced."""
    ledger = read_ledger(Path(environment["FRAUD_PRODUCER_LEDGER_DIR"]), stream.topic)
    return {str(partition): sum(map(len, by_times.values())) for partition, by_times in ledger.items()}


def nothing(counts: dict[str, float]) -> dict[str, float]:
    return dict.fromkeys(counts, 0)


def test_a_stream_that_never_ran_lags_by_all_that_was_produced(
    exporter: Any, environment: dict[str, str], layout: Layout, places: dict[str, tuple[int, int]]
) -> None:
    for stream in layout.streams:
        produced = acknowledged(environment, stream)
        exporter.wait_for(produced, "kafka_topic_partition_current_offset", topic=stream.topic)
        exporter.wait_for(produced, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=stream.topic)
        (age,) = exporter.figures("fraud_bronze_oldest_unread_seconds", topic=stream.topic).values()
        assert 0 < age < 600


def test_a_group_that_committed_to_one_partition_lags_on_all(
    exporter: Any, environment: dict[str, str], transactions: Stream, places: dict[str, tuple[int, int]]
) -> None:
    group = environment["FRAUD_LAG_CONSUMER_GROUPS"]
    assert exporter.figures("kafka_consumergroup_lag", consumergroup=group) == {}
    consumer = Consumer({"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"], "group.id": group})
    consumer.commit(offsets=[TopicPartition(transactions.topic, 1, 5)], asynchronous=False)
    consumer.close()
    expected = acknowledged(environment, transactions)
    expected["1"] -= 5
    exporter.wait_for(expected, "kafka_consumergroup_lag", consumergroup=group, topic=transactions.topic)


def test_everything_lands_in_bronze_or_quarantine(
    running: Any, transactions: Stream, bad: dict[str, Poison], tmp_path: Path
) -> None:
    code, verdict, text = audit(running, tmp_path)
    assert code == 0, text + running.log.read_text()[-3000:]
    payments = verdict[transactions.topic]
    assert (payments["produced"], payments["bronze"], payments["quarantine"]) == (
        GOOD + 200 + len(bad),
        GOOD + 200,
        len(bad),
    )
    assert all(topic["holds"] for topic in verdict.values())


def test_a_stream_that_has_landed_all_does_not_lag_and_is_whole(
    running: Any, exporter: Any, environment: dict[str, str], layout: Layout, bad: dict[str, Poison]
) -> None:
    for stream in layout.streams:
        none = nothing(acknowledged(environment, stream))
        exporter.wait_for(none, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=stream.topic)
        exporter.wait_for({"": 0}, "fraud_bronze_oldest_unread_seconds", topic=stream.topic)
        exporter.wait_for({"": 0}, "fraud_conservation_gap_messages", topic=stream.topic)
    (payments, labels) = (stream.table for stream in layout.streams)
    exporter.wait_for({"": GOOD + 200}, "fraud_lakehouse_rows", layer="bronze", table=payments)
    exporter.wait_for({"": LABEL_COUNT}, "fraud_lakehouse_rows", layer="bronze", table=labels)
    exporter.wait_for({"": len(bad)}, "fraud_lakehouse_rows", layer="quarantine", table=layout.quarantine_table)
    assert len(exporter.figures("fraud_lakehouse_newest_event_timestamp_seconds", layer="bronze")) == 1


def test_poison_is_quarantined_with_its_reasons_and_its_bytes(
    running: Any, transactions: Stream, bad: dict[str, Poison], places: dict[str, tuple[int, int]]
) -> None:
    done = running.run("quarantine", "show", "--why", "test", "--topic", transactions.topic, "--limit", "100")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(one["partition"], one["offset"]): one for one in shown}
    assert set(found) == set(places.values()), done.stderr
    assert {kind: set(found[place]["reasons"]) for kind, place in places.items()} == {
        kind: poison.reasons for kind, poison in bad.items()
    }
    assert {kind: found[place]["payload"] for kind, place in places.items()} == {
        kind: None if poison.value is None else poison.value.hex() for kind, poison in bad.items()
    }
    audit_lines = Path(running.environment["FRAUD_STREAM_AUDIT_LOG"]).read_text().splitlines()
    assert json.loads(audit_lines[-1])["why"] == "test"


def test_quarantined_payloads_are_encrypted_at_rest(
    running: Any, layout: Layout, trino: Any, places: dict[str, tuple[int, int]]
) -> None:
    partition, offset = places["card number in clear"]
    ((payload,),) = trino.query(
        f"SELECT to_hex(payload) FROM {trino_table(layout.quarantine_table)} WHERE _partition = ? AND _offset = ?",
        [partition, offset],
    )
    assert b"4111111111111111" not in bytes.fromhex(payload)


def test_rows_arrive_as_they_were_sent(running: Any, transactions: Stream, trino: Any) -> None:
    ((row,),) = trino.query(
        f"SELECT count(*) FROM {trino_table(transactions.table)} "
        "WHERE amount <= 0 OR channel <> 'ONLINE' OR _schema_id IS NULL OR event_date <> date(event_time)"
    )
    assert row == 0
    columns = {name: kind for name, kind, *_ in trino.query(f"DESCRIBE {trino_table(transactions.table)}")}
    assert columns["event_time"] == "timestamp(6)"
    assert columns["amount"] == "decimal(12,2)"
    assert {"_topic", "_partition", "_offset", "_kafka_timestamp", "_schema_id", "_ingested_at", "_batch_id"} <= set(
        columns
    )
    # microseconds survive: the feed gives payment number n the microsecond n
    ((inexact,),) = trino.query(
        f"SELECT count(*) FROM {trino_table(transactions.table)} "
        "WHERE CAST(substr(transaction_id, -3) AS bigint) <> CAST(substr(CAST(event_time AS varchar), -3) AS bigint)"
    )
    assert inexact == 0


def test_the_key_and_the_secrets_are_nowhere_to_be_seen(running: Any, places: dict[str, tuple[int, int]]) -> None:
    secrets = {name: running.environment[name] for name in ("FRAUD_STREAM_QUARANTINE_KEY", "SPARK_S3_SECRET_KEY")}
    base = f"http://127.0.0.1:{running.environment['SPARK_UI_PORT']}"
    application = httpx.get(f"{base}/api/v1/applications", timeout=30).json()[0]["id"]
    executions = httpx.get(f"{base}/api/v1/applications/{application}/sql", params={"length": 1000}, timeout=30).json()
    pages = [httpx.get(f"{base}/environment/", timeout=30).text, json.dumps(executions), running.log.read_text()]
    pages += [httpx.get(f"{base}/SQL/execution/", params={"id": one["id"]}, timeout=30).text for one in executions[:40]]
    assert any("aes_encrypt" in page or "aesEncrypt" in page for page in pages), "no plan with the encryption was seen"
    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()]
    for name, secret in secrets.items():
        assert not any(secret.lower() in page.lower() for page in pages), name
        assert not any(secret.encode() in line for line in command_lines), name


def test_metrics_tell_rows_reasons_offsets_and_lag(running: Any, transactions: Stream, bad: dict[str, Poison]) -> None:
    text = running.metrics()

    def total(name: str, *labels: str) -> float:
        lines = [line for line in text.splitlines() if line.startswith(name) and all(label in line for label in labels)]
        assert lines, f"{name} {labels}\n{text}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    topic = f'topic="{transactions.topic}"'
    assert total("fraud_stream_bronze_rows_total", topic) == GOOD + 200
    assert total("fraud_stream_quarantine_rows_total", topic) == len(bad)
    assert total("fraud_stream_quarantine_reasons_total", topic, 'reason="null_value"') == 1
    assert total("fraud_stream_batch_seconds_count", topic) >= 2
    assert total("fraud_stream_end_offset{", topic) == GOOD + 200 + len(bad)
    assert total("fraud_stream_query_active", topic) == 1
    deadline = time.monotonic() + 15
    while total("fraud_stream_broker_end_offset", topic) < GOOD and time.monotonic() < deadline:
        time.sleep(1)
        text = running.metrics()
    assert total("fraud_stream_lag_messages", topic) == 0


def test_nothing_listens_beyond_loopback(running: Any) -> None:
    """Every listening socket of the driver and its JVM is on a loopback address."""
    tree = {running.process.pid}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            continue
        if parent in tree:
            tree.add(int(path.parent.name))
    sockets = set()
    for pid in tree:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
            except FileNotFoundError:
                continue
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in sockets
    ]
    assert listening
    loopback = ("0100007F:", "0000000000000000FFFF00000100007F:", "00000000000000000000000001000000:")
    assert [address for address in listening if not address.startswith(loopback)] == []


def test_a_second_driver_is_refused(running: Any) -> None:
    done = running.run("bronze-writer")
    assert done.returncode == 1
    assert "another Bronze writer is running" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_compatible_schema_flows_mid_stream(
    running: Any, feed: Any, transactions: Stream, trino: Any, tmp_path: Path
) -> None:
    newer = schema(TRANSACTIONS)
    newer["fields"].append({"name": "loyalty_tier", "type": ["null", "string"], "default": None})
    schema_id = feed.register(transactions, newer)
    assert schema_id != feed.schema_ids[TRANSACTIONS.name]
    records = [feed.transaction(loyalty_tier="gold") for _ in range(20)]
    # old and new writers at once: one batch holds both schema ids
    mixed = []
    for record in records:
        mixed += [feed.encode(TRANSACTIONS, record, newer, schema_id), feed.encode(TRANSACTIONS, feed.transaction())]
    feed.send(TRANSACTIONS, mixed)
    code, _, text = audit(running, tmp_path)
    assert code == 0, text
    rows = trino.query(
        f"SELECT _schema_id, count(*) FROM {trino_table(transactions.table)} WHERE _schema_id = ? GROUP BY 1",
        [schema_id],
    )
    assert rows == [[schema_id, 20]]


def test_a_batch_of_nothing_but_poison_is_finished(
    running: Any, feed: Any, tmp_path: Path, transactions: Stream
) -> None:
    feed.send(TRANSACTIONS, [b"\x07 not Avro"] * 50)
    code, verdict, text = audit(running, tmp_path)
    assert code == 0, text
    assert verdict[transactions.topic]["quarantine"] >= 50


@pytest.mark.slow
def test_kill_9_in_the_middle_and_a_lost_commit_record_change_nothing(
    running: Any,
    exporter: Any,
    feed: Any,
    bucket: Any,
    transactions: Stream,
    tmp_path: Path,
    writer_settings: Any,
) -> None:
    stop = threading.Event()

    def keep_sending() -> None:
        while not stop.is_set():
            feed.send_good(400, 20)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    time.sleep(4)
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    stop.set()
    sender.join()
    commits = f"{transactions.checkpoint_key}/commits/"
    # Paimon's device: without its last commit record Spark runs the last batch again, whatever the kill hit
    records = {item.key.rpartition("/")[2]: item for item in bucket.objects.filter(Prefix=commits)}
    newest = max(int(name) for name in records if name.isdigit())  # the folder's own marker has no number
    records[str(newest)].delete()
    before = read_checkpoint(
        object_store.connect(writer_settings), writer_settings.s3_bucket, transactions.checkpoint_key
    )
    began = time.monotonic()
    running.start()
    running.wait_ready()
    assert time.monotonic() - began < 60
    code, verdict, text = audit(running, tmp_path)
    assert code == 0, text
    assert verdict[transactions.topic]["duplicated"] == 0
    after = read_checkpoint(
        object_store.connect(writer_settings), writer_settings.s3_bucket, transactions.checkpoint_key
    )
    assert after.id == before.id
    assert after.committed_batch > before.committed_batch
    none = nothing(acknowledged(running.environment, transactions))
    exporter.wait_for(none, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=transactions.topic)


def test_one_missing_ledger_line_turns_conservation_red(running: Any, transactions: Stream, tmp_path: Path) -> None:
    assert audit(running, tmp_path)[0] == 0
    ledger = Path(running.environment["FRAUD_PRODUCER_LEDGER_DIR"])
    copy = tmp_path / "ledger"
    for path in ledger.glob("*/*.csv"):
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines(keepends=True)
        if path.parent.name == transactions.topic:
            del lines[17]
        (copy / path.parent.name / path.name).write_text("".join(lines))
    code, verdict, text = audit(running, tmp_path, "--ledger-dir", str(copy), wait=0)
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
    """Copies of the Bronze tables, made with Spark: `_less` lacks one payment, `_twice` has one twice."""
    # beside the driver: it lives until the session ends
    own = {name: unused_port() for name in ("driver_port", "block_manager_port", "ui_port")}
    settings = writer_settings.model_copy(update={**own, "work_dir": tmp_path_factory.mktemp("doctoring")})
    spark = spark_process(lambda: start_session(settings))
    made = []
    for stream in layout.streams:
        rows = spark.read.format("delta").load(stream.table_path)
        first = rows.where("_partition = 1 AND _offset = 3")
        assert first.count() == 1
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
def test_one_removed_and_one_added_row_turn_conservation_red(
    running: Any, transactions: Stream, tmp_path: Path
) -> None:
    code, verdict, text = audit(running, tmp_path, "--table-suffix", "_less", wait=0)
    assert code == 1
    assert (verdict[transactions.topic]["missing"], verdict[transactions.topic]["duplicated"]) == (1, 0)
    assert re.search(r"missing .* partition 1: offsets \[3\]", text), text
    code, verdict, text = audit(running, tmp_path, "--table-suffix", "_twice", wait=0)
    assert code == 1
    assert (verdict[transactions.topic]["missing"], verdict[transactions.topic]["duplicated"]) == (0, 1)
    assert re.search(r"duplicated .* partition 1: offsets \[3\]", text), text


def test_freshness_and_lag_see_a_stopped_writer(running: Any, feed: Any, transactions: Stream) -> None:
    assert running.run("freshness").returncode == 0
    assert running.end(signal.SIGTERM) == 0, running.log.read_text()[-3000:]
    silent = running.run("freshness", "--wait", "0", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="0.5")
    assert silent.returncode == 0, silent.stdout
    feed.send_good(30)
    young = running.run("freshness", "--wait", "0", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="600")
    assert young.returncode == 0, young.stdout
    time.sleep(1)
    stale = running.run("freshness", "--wait", "1", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="0.5")
    assert stale.returncode == 1
    assert re.search(rf"{re.escape(transactions.topic)} partition \d: .*offset \d+", stale.stdout), stale.stdout
    lag = running.run("lag")
    assert re.search(r"all .* 30 ", lag.stdout), lag.stdout
    assert lag.stdout.count(transactions.topic) == 3


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


@pytest.mark.slow
def test_a_deleted_checkpoint_refuses_to_start(running: Any, bucket: Any, transactions: Stream) -> None:
    bucket.objects.filter(Prefix=transactions.checkpoint_key).delete()
    done = running.run("bronze-writer")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"fraud-stream: bronze.{transactions.table} was written from checkpoint"), done.stderr
    assert "Traceback" not in done.stderr
