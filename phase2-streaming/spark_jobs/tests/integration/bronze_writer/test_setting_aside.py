"""What does not belong in Bronze is set aside, whole and in secret; what a newer schema brings lands."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from fraud_contracts import (
    EXTERNAL_ALERTS,
    TRANSACTIONS,
    schema,
)
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream, trino_table

pytestmark = pytest.mark.integration

CARD_NUMBER = b"4111111111111111"


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


def test_every_topic_sets_its_bad_message_aside_and_copies_it_to_its_dead_letters(
    running: Any, layout: Layout, sent: Any, writer_settings: WriterSettings, bronze_stream: ModuleType
) -> None:
    key = writer_settings.quarantine_key_bytes
    for stream in layout.streams:
        if stream.contract not in sent.other_bad:
            continue
        poison, (partition, offset) = sent.other_bad[stream.contract], sent.other_places[stream.contract]
        done = running.run("dlq", "show", "--why", "test", "--topic", stream.topic)
        assert done.returncode == 0, done.stderr
        (shown,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert (shown["partition"], shown["offset"]) == (partition, offset)
        assert (set(shown["reasons"]), shown["payload"]) == (poison.reasons, (poison.value or b"").hex())
        assert bytes.fromhex(shown["key"]) == CARD_NUMBER
        (letter,) = dead_letters(running.environment, stream, 1)
        assert letter.key().decode() == f"{stream.topic}-{partition}-{offset}"
        assert bronze_stream.in_clear(letter, key) == poison.value
        headers = {name: value.decode() for name, value in letter.headers()}
        assert headers == {"topic": stream.topic, "reasons": ",".join(poison.reasons), "encryption": "aes-gcm"}


def test_every_payment_that_was_set_aside_has_a_dead_letter(
    running: Any, transactions: Stream, sent: Any, writer_settings: WriterSettings, bronze_stream: ModuleType
) -> None:
    key = writer_settings.quarantine_key_bytes
    letters = dead_letters(running.environment, transactions, len(sent.bad))
    assert {one.key().decode(): bronze_stream.in_clear(one, key) for one in letters} == {
        f"{transactions.topic}-{partition}-{offset}": sent.bad[kind].value
        for kind, (partition, offset) in sent.places.items()
    }


def test_poison_is_quarantined_with_its_reasons_and_its_bytes(
    running: Any, feed: Any, transactions: Stream, sent: Any
) -> None:
    done = running.run("dlq", "show", "--why", "test", "--topic", transactions.topic, "--limit", "100")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(one["partition"], one["offset"]): one for one in shown}
    assert set(found) == set(sent.places.values()), done.stderr
    assert {kind: set(found[place]["reasons"]) for kind, place in sent.places.items()} == {
        kind: poison.reasons for kind, poison in sent.bad.items()
    }
    assert {kind: found[place]["payload"] for kind, place in sent.places.items()} == {
        kind: None if poison.value is None else poison.value.hex() for kind, poison in sent.bad.items()
    }
    claimed = {kind: found[place]["schema_id"] for kind, place in sent.places.items()}
    assert claimed["unknown schema id"] == 0x0F423F
    assert claimed["no amount"] == feed.schema_ids[TRANSACTIONS.name]
    assert claimed["null"] is claimed["other magic byte"] is None
    audit_lines = Path(running.environment["FRAUD_STREAM_AUDIT_LOG"]).read_text().splitlines()
    assert json.loads(audit_lines[-1])["why"] == "test"


def test_what_is_quarantined_is_encrypted_at_rest(
    running: Any, layout: Layout, transactions: Stream, trino: Any, sent: Any
) -> None:
    """In the table, values and keys, and on the dead letter topic."""
    (alerts,) = (stream for stream in layout.streams if stream.contract is EXTERNAL_ALERTS)
    stored = trino.query(
        f"SELECT to_hex(payload), to_hex(encrypted_key) FROM {trino_table(layout.quarantine_table)} "
        "WHERE _topic IN (?, ?) AND payload IS NOT NULL",
        [transactions.topic, alerts.topic],
    )
    assert len(stored) >= len(sent.bad)
    found = [bytes.fromhex(text) for row in stored for text in row]
    found += [one.value() or b"" for one in dead_letters(running.environment, transactions, len(sent.bad))]
    found += [one.value() or b"" for one in dead_letters(running.environment, alerts, 1)]
    assert not any(CARD_NUMBER in one for one in found)


def test_the_key_and_the_secrets_are_nowhere_to_be_seen(running: Any, sent: Any) -> None:
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


def test_a_compatible_schema_flows_mid_stream_and_bronze_gets_its_column(
    running: Any, feed: Any, transactions: Stream, trino: Any
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
    code, _, text = running.conservation()
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
    running: Any, feed: Any, layout: Layout, sent: Any
) -> None:
    alerts = next(stream for stream in layout.streams if stream.contract is EXTERNAL_ALERTS)
    clashing = schema(EXTERNAL_ALERTS)
    clashing["fields"].append({"name": "_topic", "type": ["null", "string"], "default": None})
    schema_id = feed.register(alerts, clashing)
    record = feed.other(EXTERNAL_ALERTS, _topic="another")
    ((partition, offset),) = feed.send(EXTERNAL_ALERTS, [feed.encode(EXTERNAL_ALERTS, record, clashing, schema_id)])
    feed.send(EXTERNAL_ALERTS, [feed.encode(EXTERNAL_ALERTS, feed.other(EXTERNAL_ALERTS))])
    code, verdict, text = running.conservation()
    assert code == 0, text
    assert verdict[alerts.topic]["bronze"] == sent.others + 1
    place = f"{alerts.topic}-{partition}-{offset}"
    (shown,) = running.run("dlq", "show", "--why", "test", "--at", place).stdout.splitlines()
    assert json.loads(shown)["reasons"] == ["unusable_schema"]
    assert f"messages of schema {schema_id} go to quarantine: Bronze has a column _topic" in running.log.read_text()


def test_a_batch_of_nothing_but_poison_is_finished(running: Any, feed: Any, transactions: Stream) -> None:
    feed.send(TRANSACTIONS, [b"\x07 not Avro"] * 50)
    code, verdict, text = running.conservation()
    assert code == 0, text
    assert verdict[transactions.topic]["quarantine"] >= 50
