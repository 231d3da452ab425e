"""What is produced lands in Bronze as it was sent, and lag, metrics and the page say so."""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

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
    field_names,
)
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream, trino_table

pytestmark = pytest.mark.integration

Counted = Callable[[Stream], dict[str, float]]


def test_a_stream_that_never_ran_lags_by_all_that_was_produced(
    exporter: Any, acknowledged: Counted, layout: Layout, sent: Any
) -> None:
    for stream in layout.streams:
        produced = acknowledged(stream)
        exporter.wait_for(produced, "kafka_topic_partition_current_offset", topic=stream.topic)
        exporter.wait_for(produced, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=stream.topic)
        (age,) = exporter.figures("fraud_bronze_oldest_unread_seconds", topic=stream.topic).values()
        assert 0 < age < 600


def test_a_group_that_committed_to_one_partition_lags_on_all(
    exporter: Any, environment: dict[str, str], acknowledged: Counted, transactions: Stream, sent: Any
) -> None:
    group = environment["FRAUD_LAG_CONSUMER_GROUPS"]
    assert exporter.figures("kafka_consumergroup_lag", consumergroup=group) == {}
    consumer = Consumer({"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"], "group.id": group})
    consumer.commit(offsets=[TopicPartition(transactions.topic, 1, 5)], asynchronous=False)
    consumer.close()
    expected = acknowledged(transactions)
    expected["1"] -= 5
    exporter.wait_for(expected, "kafka_consumergroup_lag", consumergroup=group, topic=transactions.topic)


def test_everything_lands_in_bronze_or_quarantine(
    running: Any, layout: Layout, transactions: Stream, sent: Any
) -> None:
    code, verdict, text = running.conservation()
    assert code == 0, text + running.log.read_text()[-3000:]
    payments = verdict[transactions.topic]
    assert (payments["produced"], payments["bronze"], payments["quarantine"]) == (
        sent.payments + len(sent.bad),
        sent.payments,
        len(sent.bad),
    )
    landed = {
        stream.contract: tuple(verdict[stream.topic][name] for name in ("produced", "bronze", "quarantine"))
        for stream in layout.streams
        if stream.contract is not TRANSACTIONS
    }
    assert landed.pop(LABELS) == (sent.labels + 1, sent.labels, 1)
    assert landed == dict.fromkeys(RAW_TOPICS[2:], (sent.others + 1, sent.others, 1))
    assert all(topic["holds"] for topic in verdict.values())


def test_every_topics_rows_arrive_as_they_were_sent(running: Any, layout: Layout, trino: Any, sent: Any) -> None:
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
    assert [limits, incomes, logins, alerts] == [sent.others] * 4


def test_a_whole_record_of_each_topic_arrives_as_it_was_sent(
    running: Any, layout: Layout, trino: Any, sent: Any
) -> None:
    for stream in layout.streams:
        topic, record = stream.contract, sent.whole[stream.contract]
        names = field_names(topic)
        assert record.keys() <= set(names)
        (row,) = trino.query(
            f"SELECT {', '.join(names)} FROM {trino_table(stream.table)} WHERE {topic.id_field} = ?",
            [record[topic.id_field]],
        )
        # Bronze keeps UTC without saying so
        expected = {
            name: value.replace(tzinfo=None) if isinstance(value, datetime) else value for name, value in record.items()
        }
        assert {name: value for name, value in zip(names, row, strict=True) if value is not None} == expected, topic


def test_old_versions_are_kept_for_as_long_as_the_setting_says(
    running: Any, transactions: Stream, trino: Any, writer_settings: WriterSettings
) -> None:
    properties = f'{CATALOG}.{BRONZE}."{transactions.table}$properties"'
    ((kept,),) = trino.query(f"SELECT value FROM {properties} WHERE key = 'delta.deletedFileRetentionDuration'")
    assert kept == f"interval {writer_settings.vacuum_retention_days * 24} hours"


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


def test_a_stream_that_has_landed_all_does_not_lag_and_is_whole(
    running: Any, exporter: Any, acknowledged: Counted, layout: Layout, sent: Any
) -> None:
    for stream in layout.streams:
        none = dict.fromkeys(acknowledged(stream), 0)
        exporter.wait_for(none, "kafka_consumergroup_lag", consumergroup="bronze-stream", topic=stream.topic)
        exporter.wait_for({"": 0}, "fraud_bronze_oldest_unread_seconds", topic=stream.topic)
        # the exporter rests four times as long as its last look at the lakehouse took
        exporter.wait_for({"": 0}, "fraud_conservation_gap_messages", seconds=120, topic=stream.topic)
    payments, labels = (stream.table for stream in layout.streams if stream.contract in (TRANSACTIONS, LABELS))
    exporter.wait_for({"": sent.payments}, "fraud_lakehouse_rows", seconds=120, layer="bronze", table=payments)
    exporter.wait_for({"": sent.labels}, "fraud_lakehouse_rows", layer="bronze", table=labels)
    aside = len(sent.bad) + len(sent.other_bad)
    exporter.wait_for({"": aside}, "fraud_lakehouse_rows", layer="quarantine", table=layout.quarantine_table)
    assert len(exporter.figures("fraud_lakehouse_newest_event_timestamp_seconds", layer="bronze")) == 1


def test_metrics_tell_rows_reasons_offsets_and_lag(running: Any, transactions: Stream, sent: Any) -> None:
    text = running.metrics()

    def total(name: str, *labels: str) -> float:
        lines = [line for line in text.splitlines() if line.startswith(name) and all(label in line for label in labels)]
        assert lines, f"{name} {labels}\n{text}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def reasons(name: str) -> dict[str, float]:
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {
            sample.labels["reason"]: sample.value
            for sample in samples
            if sample.name == name and sample.labels["topic"] == transactions.topic
        }

    topic = f'topic="{transactions.topic}"'
    assert total("fraud_stream_bronze_rows_total", topic) == sent.payments
    assert total("fraud_stream_quarantine_rows_total", topic) == len(sent.bad)
    assert total("fraud_stream_quarantine_reasons_total", topic, 'reason="null_value"') == 1
    of_letters = reasons("fraud_stream_dead_letter_reasons_total")
    assert of_letters == reasons("fraud_stream_quarantine_reasons_total")
    assert of_letters == Counter(reason for poison in sent.bad.values() for reason in poison.reasons)
    assert total("fraud_stream_batch_seconds_count", topic) >= 2
    assert total("fraud_stream_end_offset{", topic) == sent.payments + len(sent.bad)
    assert total("fraud_stream_query_active", topic) == 1
    deadline = time.monotonic() + 15
    while total("fraud_stream_broker_end_offset", topic) < sent.payments and time.monotonic() < deadline:
        time.sleep(1)
        text = running.metrics()
    assert total("fraud_stream_lag_messages", topic) == 0


def test_the_drivers_page_shows_every_streaming_query(running: Any, layout: Layout) -> None:
    base = f"http://127.0.0.1:{running.environment['SPARK_UI_PORT']}"
    page = httpx.get(f"{base}/StreamingQuery/", timeout=30).raise_for_status().text
    active = page.partition("Completed Streaming Queries")[0]
    assert [stream.table for stream in layout.streams if f">{stream.table}<" not in re.sub(r"\s+", "", active)] == []


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
