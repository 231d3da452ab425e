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

from fraud_contracts import (
    BRONZE,
    CARD_EVENTS,
    CATALOG,
    EXTERNAL_ALERTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TRANSACTIONS,
    Topic,
    schema,
)
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
# of each topic but payments and labels
OTHER_COUNT = 5
# the amount of the payment that is bent, with its length before it: 1.00, and 2**64 cents more
AMOUNT_BYTES = b"\x02\x64"
ENDLESS_AMOUNT = b"\x12" + (2**64 + 100).to_bytes(9, "big")
# one seed for the random bytes: a failure can be repeated
RANDOM_BYTES = bytes((index * 197 + 31) % 251 for index in range(300))


@dataclass(frozen=True)
class Poison:
    """A message that must not reach Bronze, and why."""

    value: bytes | None
    reasons: set[str]


def poisons(feed: Any) -> dict[str, Poison]:
    good = feed.encode(TRANSACTIONS, feed.transaction(amount=Decimal("1.00")))
    assert good.count(AMOUNT_BYTES) == 1
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
        # 2**64 cents more than a euro: whoever keeps 64 bits of them reads a euro
        "endless amount": Poison(good.replace(AMOUNT_BYTES, ENDLESS_AMOUNT), {"amount_bounded"}),
        "not a number": Poison(failing(latitude=float("nan")), {"latitude_range"}),
        "infinite": Poison(failing(longitude=float("-inf")), {"longitude_range"}),
        "from the future": Poison(failing(event_time=datetime(2100, 1, 1, tzinfo=UTC)), {"event_time_in_future"}),
        "from the past": Poison(failing(event_time=datetime(1931, 5, 6, tzinfo=UTC)), {"event_time_too_old"}),
        "end of time": Poison(feed.encode(TRANSACTIONS, feed.transaction(event_time=2**62)), {"event_time_in_future"}),
        "card number in clear": Poison(failing(card_hash="4111111111111111"), {"card_hash_format"}),
        "several at once": Poison(failing(currency="euro", country="Germany"), {"currency_format", "country_format"}),
        "invalid UTF-8": Poison(good.replace(b"EUR", b"\xff\xfeR"), {"text_encoding", "currency_format"}),
    }


def other_poisons(feed: Any) -> dict[Topic, Poison]:
    """One bad message of each topic but payments."""
    return {
        LABELS: Poison(feed.encode(LABELS, feed.label(fraud_type="f" * 65)), {"fraud_type_length"}),
        LOGINS: Poison(feed.encode(LOGINS, feed.other(LOGINS, latitude=float("nan"))), {"latitude_range"}),
        CARD_EVENTS: Poison(
            feed.encode(CARD_EVENTS, feed.other(CARD_EVENTS, card_hash="4111111111111111")), {"card_hash_format"}
        ),
        KYC_PROFILES: Poison(
            feed.encode(KYC_PROFILES, feed.other(KYC_PROFILES, email_hash="somebody@example.com")),
            {"email_hash_format"},
        ),
        EXTERNAL_ALERTS: Poison(
            feed.encode(EXTERNAL_ALERTS, feed.other(EXTERNAL_ALERTS, entity_id="4111111111111111")),
            {"card_number_in_clear"},
        ),
    }


@pytest.fixture(scope="module")
def other_bad(feed: Any) -> dict[Topic, Poison]:
    return other_poisons(feed)


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
def other_places(feed: Any, other_bad: dict[Topic, Poison]) -> dict[Topic, tuple[int, int]]:
    """Where the bad message of each topic but payments went; good ones lie around it."""
    places = {}
    for topic, poison in other_bad.items():
        if topic is not LABELS:
            good = [feed.encode(topic, feed.other(topic)) for _ in range(OTHER_COUNT)]
            feed.send(topic, good[:3])
            (places[topic],) = feed.send(topic, [poison.value])
            feed.send(topic, good[3:])
        else:
            (places[topic],) = feed.send(topic, [poison.value])
    return places


@pytest.fixture(scope="module")
def running(driver: Any, places: dict[str, tuple[int, int]], other_places: dict[Topic, tuple[int, int]]) -> Any:
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
    exporter: Any,
    environment: dict[str, str],
    layout: Layout,
    places: dict[str, tuple[int, int]],
    other_places: dict[Topic, tuple[int, int]],
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
    running: Any, layout: Layout, transactions: Stream, bad: dict[str, Poison], tmp_path: Path
) -> None:
    code, verdict, text = audit(running, tmp_path)
    assert code == 0, text + running.log.read_text()[-3000:]
    payments = verdict[transactions.topic]
    assert (payments["produced"], payments["bronze"], payments["quarantine"]) == (
        GOOD + 200 + len(bad),
        GOOD + 200,
        len(bad),
    )
    landed = {
        stream.contract: tuple(verdict[stream.topic][name] for name in ("produced", "bronze", "quarantine"))
        for stream in layout.streams
        if stream.contract is not TRANSACTIONS
    }
    assert landed.pop(LABELS) == (LABEL_COUNT + 1, LABEL_COUNT, 1)
    assert landed == dict.fromkeys(RAW_TOPICS[2:], (OTHER_COUNT + 1, OTHER_COUNT, 1))
    assert all(topic["holds"] for topic in verdict.values())


def test_every_topic_sets_its_bad_message_aside_and_copies_it_to_its_dead_letters(
    running: Any, layout: Layout, other_bad: dict[Topic, Poison], other_places: dict[Topic, tuple[int, int]]
) -> None:
    for stream in layout.streams:
        if stream.contract not in other_bad:
            continue
        poison, (partition, offset) = other_bad[stream.contract], other_places[stream.contract]
        done = running.run("dlq", "show", "--why", "test", "--topic", stream.topic)
        assert done.returncode == 0, done.stderr
        (shown,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert (shown["partition"], shown["offset"]) == (partition, offset)
        assert (set(shown["reasons"]), shown["payload"]) == (poison.reasons, (poison.value or b"").hex())
        (letter,) = dead_letters(running.environment, stream, 1)
        assert letter.key().decode() == f"{stream.topic}-{partition}-{offset}"
        assert letter.value() == poison.value
        headers = {name: value.decode() for name, value in letter.headers()}
        assert headers == {"topic": stream.topic, "reasons": ",".join(poison.reasons)}


def dead_letters(environment: dict[str, str], stream: Stream, count: int) -> list[Any]:
    """The first ``count`` messages of a stream's dead letter topic."""
    consumer = Consumer(
        {"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "it-letters", "log_level": 2}
    )
    try:
        # every topic of the test has as many partitions as its raw one
        metadata = consumer.list_topics(stream.dead_letter_topic, timeout=10).topics[stream.dead_letter_topic]
        consumer.assign([TopicPartition(stream.dead_letter_topic, partition, 0) for partition in metadata.partitions])
        return list(consumer.consume(count, timeout=15))
    finally:
        consumer.close()


def test_every_payment_that_was_set_aside_has_a_dead_letter(
    running: Any, transactions: Stream, bad: dict[str, Poison], places: dict[str, tuple[int, int]]
) -> None:
    letters = {one.key().decode(): one.value() for one in dead_letters(running.environment, transactions, len(bad))}
    assert letters == {
        f"{transactions.topic}-{partition}-{offset}": bad[kind].value for kind, (partition, offset) in places.items()
    }


def test_every_topics_rows_arrive_as_they_were_sent(running: Any, layout: Layout, trino: Any) -> None:
    """Whole figures and times of a few fields; the rest is the same code."""
    tables = {stream.contract: trino_table(stream.table) for stream in layout.streams}
    ((limits,),) = trino.query(
        f"SELECT count(*) FROM {tables[CARD_EVENTS]} WHERE event_type = 'LIMIT_CHANGED' "
        "AND CAST(limit_amount * 100 AS bigint) = CAST(substr(card_event_id, 2) AS bigint)"
    )
    ((incomes,),) = trino.query(
        f"SELECT count(*) FROM {tables[KYC_PROFILES]} WHERE annual_income = 31500.00 AND birth_year = 1950 "
        "AND valid_from = TIMESTAMP '1971-02-03 00:00:00' AND NOT is_politically_exposed AND risk_rating IS NULL"
    )
    ((logins,),) = trino.query(f"SELECT count(*) FROM {tables[LOGINS]} WHERE outcome = 'SUCCESS' AND channel = 'WEB'")
    ((alerts,),) = trino.query(
        f"SELECT count(*) FROM {tables[EXTERNAL_ALERTS]} WHERE severity = 'HIGH' AND entity_id LIKE 'k1:%' "
        "AND amount = 12.50 AND expires_at > event_time"
    )
    assert [limits, incomes, logins, alerts] == [OTHER_COUNT] * 4


def test_the_drivers_page_shows_every_streaming_query(running: Any, layout: Layout) -> None:
    base = f"http://127.0.0.1:{running.environment['SPARK_UI_PORT']}"
    page = httpx.get(f"{base}/StreamingQuery/", timeout=30).raise_for_status().text
    active = page.partition("Completed Streaming Queries")[0]
    assert [stream.table for stream in layout.streams if f">{stream.table}<" not in re.sub(r"\s+", "", active)] == []


def test_a_stream_that_has_landed_all_does_not_lag_and_is_whole(
    running: Any,
    exporter: Any,
    environment: dict[str, str],
    layout: Layout,
    bad: dict[str, Poison],
    other_bad: dict[Topic, Poison],
) -> None:
    for stream in layout.streams:
        none = nothing(acknowledged(environment, stream))
        exporter.wait_for(none, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=stream.topic)
        exporter.wait_for({"": 0}, "fraud_bronze_oldest_unread_seconds", topic=stream.topic)
        exporter.wait_for({"": 0}, "fraud_conservation_gap_messages", topic=stream.topic)
    payments, labels = (stream.table for stream in layout.streams if stream.contract in (TRANSACTIONS, LABELS))
    exporter.wait_for({"": GOOD + 200}, "fraud_lakehouse_rows", layer="bronze", table=payments)
    exporter.wait_for({"": LABEL_COUNT}, "fraud_lakehouse_rows", layer="bronze", table=labels)
    aside = len(bad) + len(other_bad)
    exporter.wait_for({"": aside}, "fraud_lakehouse_rows", layer="quarantine", table=layout.quarantine_table)
    assert len(exporter.figures("fraud_lakehouse_newest_event_timestamp_seconds", layer="bronze")) == 1


def test_poison_is_quarantined_with_its_reasons_and_its_bytes(
    running: Any, transactions: Stream, bad: dict[str, Poison], places: dict[str, tuple[int, int]]
) -> None:
    done = running.run("dlq", "show", "--why", "test", "--topic", transactions.topic, "--limit", "100")
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


def test_a_compatible_schema_flows_mid_stream_and_bronze_gets_its_column(
    running: Any, feed: Any, transactions: Stream, trino: Any, tmp_path: Path
) -> None:
    newer = schema(TRANSACTIONS)
    newer["fields"].append({"name": "loyalty_tier", "type": ["null", "string"], "default": None})
    schema_id = feed.register(transactions, newer)
    assert schema_id != feed.schema_ids[TRANSACTIONS.name]
    table = trino_table(transactions.table)
    ((rows_before, newest_before),) = trino.query(f"SELECT count(*), max(transaction_id) FROM {table}")
    records = [feed.transaction(loyalty_tier="gold") for _ in range(20)]
    # old and new writers at once: one batch holds both schema ids
    mixed = []
    for record in records:
        mixed += [feed.encode(TRANSACTIONS, record, newer, schema_id), feed.encode(TRANSACTIONS, feed.transaction())]
    feed.send(TRANSACTIONS, mixed)
    code, _, text = audit(running, tmp_path)
    assert code == 0, text
    rows = trino.query(
        f"SELECT _schema_id, loyalty_tier, count(*), count(amount) FROM {table} WHERE transaction_id > ? "
        "GROUP BY 1, 2 ORDER BY 1",
        [newest_before],
    )
    assert rows == [[feed.schema_ids[TRANSACTIONS.name], None, 20, 20], [schema_id, "gold", 20, 20]]
    # what was there before is as it was
    ((old, new),) = trino.query(
        f"SELECT count(*), count(loyalty_tier) FROM {table} WHERE transaction_id <= ?", [newest_before]
    )
    assert (old, new) == (rows_before, 0)


def test_messages_of_a_version_that_takes_a_ledger_columns_name_are_set_aside(
    running: Any, feed: Any, layout: Layout, tmp_path: Path
) -> None:
    alerts = next(stream for stream in layout.streams if stream.contract is EXTERNAL_ALERTS)
    clashing = schema(EXTERNAL_ALERTS)
    clashing["fields"].append({"name": "_topic", "type": ["null", "string"], "default": None})
    schema_id = feed.register(alerts, clashing)
    record = feed.other(EXTERNAL_ALERTS, _topic="another")
    ((partition, offset),) = feed.send(EXTERNAL_ALERTS, [feed.encode(EXTERNAL_ALERTS, record, clashing, schema_id)])
    feed.send(EXTERNAL_ALERTS, [feed.encode(EXTERNAL_ALERTS, feed.other(EXTERNAL_ALERTS))])
    code, verdict, text = audit(running, tmp_path)
    assert code == 0, text
    assert verdict[alerts.topic]["bronze"] == OTHER_COUNT + 1
    place = f"{alerts.topic}-{partition}-{offset}"
    (shown,) = running.run("dlq", "show", "--why", "test", "--at", place).stdout.splitlines()
    assert json.loads(shown)["reasons"] == ["unusable_schema"]
    assert f"messages of schema {schema_id} go to quarantine: Bronze has a column _topic" in running.log.read_text()


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
