"""F15 and F16: senders that repeat themselves, come late and change their schema; a registry that is away.

The tests run in order and share one stream.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from fraud_contracts import TRANSACTIONS, schema
from fraud_stream.streams import Stream, trino_table

PAYMENTS = 1000
# shares of the payments that are sent twice, and that come up to three days late; the rest is shuffled by ten minutes
REPEATED, LATE = 0.05, 0.02
# what cannot be read as the contract, and what can, as another amount or another moment
BREAKING = ("renamed", "number for text", "without a required field")
MISREAD = ("text for an amount", "amount of another scale", "milliseconds")


@contextmanager
def registry_away(stack: Any) -> Iterator[None]:
    stack.stop("schema-registry")
    try:
        yield
    finally:
        stack.start("schema-registry")


def good(feed: Any, count: int, avro: dict[str, Any] | None = None, schema_id: int = 0, **changes: Any) -> list[bytes]:
    return [feed.encode(TRANSACTIONS, feed.transaction(**changes), avro, schema_id) for _ in range(count)]


def whole(running: Any) -> dict[str, Any]:
    code, verdict, text = running.conservation()
    assert code == 0, text + running.log.read_text()[-3000:]
    found: dict[str, Any] = verdict
    return found


def disordered(chaos: Any, payments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The payments as a bad network hands them on: some come days late, some twice, and all in a wrong order."""
    for payment in chaos.random.sample(payments, int(len(payments) * LATE)):
        payment["event_time"] -= timedelta(days=chaos.random.uniform(0.1, 3))
    sent = payments + chaos.random.sample(payments, int(len(payments) * REPEATED))
    # a message arrives up to ten minutes after its time, and so before or after many others
    return sorted(sent, key=lambda payment: payment["event_time"] + timedelta(minutes=chaos.random.uniform(0, 10)))


@pytest.mark.integration
@pytest.mark.chaos("F16")
def test_bronze_keeps_every_message_however_late_or_often_it_comes(
    chaos: Any, record: Any, feed: Any, running: Any, transactions: Stream, trino: Any
) -> None:
    before = whole(running)[transactions.topic]["bronze"]
    payments = [feed.transaction() for _ in range(PAYMENTS)]
    sent = disordered(chaos, payments)
    feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, payment) for payment in sent])
    verdict = whole(running)
    record("F16", "5 % repeated, out of order by 10 min and 3 days: Bronze", None, None, verdict)
    assert verdict[transactions.topic]["bronze"] == before + len(sent)
    rows = trino.query(f"SELECT transaction_id, event_time, amount FROM {trino_table(transactions.table)}")
    ids = {payment["transaction_id"] for payment in payments}
    landed = sorted((name, at, amount) for name, at, amount in rows if name in ids)
    plain = [(one["transaction_id"], one["event_time"].replace(tzinfo=None), one["amount"]) for one in sent]
    assert landed == sorted(plain)
    told = running.run("dq", "--wait", "0")
    assert told.returncode == 1
    repeated = len(sent) - len(payments)
    assert re.search(rf"{repeated} of \d+ rows repeat a transaction_id", " ".join(told.stdout.split())), told.stdout


@pytest.mark.chaos("F16")
def test_silver_takes_each_payment_once_and_an_incremental_run_equals_a_rebuild(
    chaos: Any,
    record: Any,
    stack: Any,
    feed: Any,
    running: Any,
    transactions: Stream,
    lakes: ModuleType,
    tmp_path: Path,
) -> None:
    model = "silver.int_transactions"
    build = ("run", "--select", f"+{model.partition('.')[2]}")
    with lakes.lake_of_its_own(stack, tmp_path) as lake:
        lake.query(f"drop table {lake.prefix}bronze.transactions")
        where = f"s3://{transactions.bucket}/{transactions.table_key}"
        lake.query(f"call delta.system.register_table('{lake.prefix}bronze', 'transactions', '{where}')")
        payments = [feed.transaction() for _ in range(PAYMENTS)]
        sent = disordered(chaos, payments)
        # a repetition may fall on either side of the first run
        half = len(sent) // 2
        for part in (sent[:half], sent[half:]):
            feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, payment) for payment in part])
            verdict = whole(running)
            lake.dbt(*build)
        ((rows, ids),) = lake.query(f"select count(*), count(distinct transaction_id) from {lake.prefix}{model}")
        ((received,),) = lake.query(f"select count(distinct transaction_id) from {lake.prefix}bronze.transactions")
        incremental = lake.content(model)
        lake.dbt(*build, "--full-refresh")
        rebuilt = lake.content(model)
    record("F16", "5 % repeated, out of order by 10 min and 3 days: Silver", None, None, verdict)
    assert rows == ids == received
    assert incremental == rebuilt


@pytest.fixture
def forced(environment: dict[str, str], transactions: Stream) -> Iterator[None]:
    """Whoever may, has switched the check of compatibility off."""
    url = f"{environment['SCHEMA_REGISTRY_URL']}/config/{transactions.subject}"
    httpx.put(url, json={"compatibility": "NONE"}, timeout=30).raise_for_status()
    yield
    httpx.delete(url, timeout=30).raise_for_status()


def broken_version(kind: str) -> dict[str, Any]:
    avro = schema(TRANSACTIONS)
    fields = {field["name"]: field for field in avro["fields"]}
    if kind == "renamed":
        fields["user_id"]["name"] = "customer_id"
    elif kind == "number for text":
        fields["merchant_id"]["type"] = "long"
    elif kind == "without a required field":
        avro["fields"].remove(fields["merchant_id"])
    elif kind == "text for an amount":
        fields["amount"]["type"] = "string"
    elif kind == "amount of another scale":
        fields["amount"]["type"]["scale"] = 3
    else:
        fields["event_time"]["type"]["logicalType"] = "timestamp-millis"
    return avro


def broken_record(feed: Any, kind: str) -> dict[str, Any]:
    payment: dict[str, Any] = feed.transaction()
    if kind == "renamed":
        payment["customer_id"] = payment.pop("user_id")
    elif kind == "number for text":
        payment["merchant_id"] = 7
    elif kind == "text for an amount":
        # three bytes that are a plausible number of cents
        payment["amount"] = "9.9"
    return payment


@pytest.mark.chaos("F15")
def test_a_breaking_schema_is_refused(record: Any, feed: Any, running: Any, transactions: Stream) -> None:
    for kind in BREAKING:
        with pytest.raises(httpx.HTTPStatusError) as refused:
            feed.register(transactions, broken_version(kind))
        assert refused.value.response.status_code == httpx.codes.CONFLICT, kind
    record("F15", "breaking schemas, refused", None, None, whole(running))


@pytest.mark.chaos("F15")
def test_old_and_new_rows_are_right_and_cached_schemas_outlive_the_registry(
    record: Any,
    stack: Any,
    feed: Any,
    running: Any,
    transactions: Stream,
    trino: Any,
    producers: Any,
    handles: ModuleType,
) -> None:
    newer = schema(TRANSACTIONS)
    newer["fields"].append({"name": "loyalty_tier", "type": ["null", "string"], "default": None})
    newer_id = feed.register(transactions, newer)
    feed.send(TRANSACTIONS, good(feed, 1, newer, newer_id, loyalty_tier="gold"))
    whole(running)
    before = producers.acknowledged()
    live = producers.start("stream", "--rate", "20", "--customers", "50")
    handles.wait_for(lambda: producers.acknowledged() > before, 60, "a payment")
    with registry_away(stack):
        pairs = zip(good(feed, 20, newer, newer_id, loyalty_tier="gold"), good(feed, 20), strict=True)
        feed.send(TRANSACTIONS, [message for pair in pairs for message in pair])
        while_away = producers.acknowledged()
        handles.wait_for(lambda: producers.acknowledged() > while_away + 20, 30, "a payment without the registry")
        verdict = whole(running)
        live.terminate()
        assert live.wait(60) == 0
        refused = running.run("bronze-writer")
        stranger = producers.start("stream", "--rate", "20")
        assert stranger.wait(60) == 1
    record("F15", "a compatible schema mid-stream, then no registry", None, None, whole(running))
    assert verdict[transactions.topic]["missing"] == 0
    assert refused.returncode == 1
    assert "the schema registry does not answer at" in refused.stderr.splitlines()[-1], refused.stderr
    assert "the schema registry does not answer at" in producers.log.read_text()
    rows = trino.query(
        f"SELECT _schema_id, loyalty_tier, count(*) FROM {trino_table(transactions.table)} "
        f"WHERE _schema_id = {newer_id} OR loyalty_tier IS NOT NULL GROUP BY 1, 2"
    )
    assert rows == [[newer_id, "gold", 21]]


@pytest.mark.chaos("F15")
@pytest.mark.usefixtures("forced")
def test_messages_of_a_breaking_schema_that_was_forced_are_set_aside(
    record: Any, feed: Any, running: Any, transactions: Stream
) -> None:
    """The last one: nothing is compatible with what was forced."""
    before = whole(running)[transactions.topic]
    sent = 0
    for kind in (*BREAKING, *MISREAD):
        avro = broken_version(kind)
        schema_id = feed.register(transactions, avro)
        bad = [feed.encode(TRANSACTIONS, broken_record(feed, kind), avro, schema_id) for _ in range(5)]
        feed.send(TRANSACTIONS, [message for pair in zip(good(feed, 5), bad, strict=True) for message in pair])
        sent += 5
    verdict = whole(running)
    record("F15", "breaking schemas, forced", None, None, verdict)
    after = verdict[transactions.topic]
    assert (after["bronze"] - before["bronze"], after["quarantine"] - before["quarantine"]) == (sent, sent)
    shown = running.run("dlq", "show", "--why", "test", "--topic", transactions.topic).stdout.splitlines()
    assert {reason for line in shown for reason in json.loads(line)["reasons"]} == {
        "undecodable_body",
        "unusable_schema",
    }
