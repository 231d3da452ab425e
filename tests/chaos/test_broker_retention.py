"""F9: retention passes the Bronze writer. It fails loudly, skips nothing by itself, and goes on when it is told to.

Retention moves the offset at which a partition begins; deleting records does the same, and does not take minutes.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fraud_contracts import TRANSACTIONS
from fraud_stream.streams import Layout, Stream, trino_table

PARTITION, KEPT = 1, 20


@pytest.fixture
def exporter(environment: dict[str, str], bronze_stream: Any, tmp_path: Path) -> Iterator[Any]:
    exporter = bronze_stream.Exporter(environment, tmp_path / "lag-exporter.log")
    process = exporter.start()
    yield exporter
    process.terminate()
    assert process.wait(10) == 0


def skip(driver: Any, lost: list[int]) -> None:
    """Tell the stopped driver to go on after what was lost, and start it."""
    done = driver.run("skip-lost", "--why", "a test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(lost)} messages from offset {lost[0]} on" in " ".join(done.stdout.split())
    driver.start()
    driver.wait_ready()


def wait_for_all(driver: Any, broker: Any, handles: ModuleType, layout: Layout) -> None:
    ends = sum(end for spans in broker.spans(layout.namespace).values() for _, end in spans.values())
    handles.wait_for(lambda: handles.landed(driver) == ends, 120, "all that the broker holds")


@pytest.mark.chaos("F9")
def test_what_retention_removed_unread_is_named_and_never_skipped_in_silence(
    record: Any,
    feed: Any,
    running: Any,
    exporter: Any,
    broker: Any,
    handles: ModuleType,
    layout: Layout,
    transactions: Stream,
    trino: Any,
) -> None:
    code, before, text = running.conservation()
    assert code == 0, text
    assert running.end() == 0
    places = feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(300)])
    unread = sorted(offset for partition, offset in places if partition == PARTITION)
    lost, begin = unread[:-KEPT], unread[-KEPT]
    assert lost, "nothing went to that partition"
    feed.forget(transactions.topic, PARTITION, begin)

    exporter.wait_for({"": len(lost)}, "fraud_bronze_lost_messages", topic=transactions.topic)
    stale = running.run("freshness", "--wait", "0")
    assert stale.returncode == 1
    assert f"{len(lost)} messages left the topic before they were read" in " ".join(stale.stdout.split())
    place = f"{transactions.topic} partition {PARTITION}: {len(lost)} messages from offset {lost[0]} on"
    for _ in range(2):
        # supervisor starts it again, and it refuses again
        refused = running.run("bronze-writer")
        assert refused.returncode == 1
        assert f"{place} left the topic" in refused.stderr.splitlines()[-1], refused.stderr[-3000:]
    ((rows,),) = trino.query(f"SELECT count(*) FROM {trino_table(transactions.table)}")
    assert rows == before[transactions.topic]["bronze"]

    began = time.monotonic()
    skip(running, lost)
    wait_for_all(running, broker, handles, layout)
    code, verdict, text = running.conservation(wait=0)
    record("F9", f"retention, {len(lost)} messages removed unread", time.monotonic() - began, None, verdict)
    assert code == 1
    payments = verdict[transactions.topic]
    assert (payments["missing"], payments["duplicated"], payments["overlap"]) == (len(lost), 0, 0)
    assert payments["bronze"] == rows + len(places) - len(lost)
    exporter.wait_for({"": 0}, "fraud_bronze_lost_messages", topic=transactions.topic)
    exporter.wait_for({"": len(lost)}, "fraud_conservation_gap_messages", topic=transactions.topic)
    audit = Path(running.environment["FRAUD_STREAM_AUDIT_LOG"]).read_text(encoding="utf-8")
    assert '"action": "skip-lost"' in audit


@pytest.mark.chaos("F9")
def test_what_retention_removes_between_two_batches_ends_the_driver_before_it_lands_anything(
    record: Any,
    feed: Any,
    running: Any,
    broker: Any,
    handles: ModuleType,
    signals: ModuleType,
    layout: Layout,
    transactions: Stream,
) -> None:
    """After the test before: what was lost there is missing still. The driver stands still, so no batch is planned."""
    wait_for_all(running, broker, handles, layout)
    _, before, _ = running.conservation(wait=0)
    with signals.paused(*signals.family(running.process.pid)):
        places = feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(300)])
        unread = sorted(offset for partition, offset in places if partition == PARTITION)
        lost, begin = unread[:-KEPT], unread[-KEPT]
        assert lost, "nothing went to that partition"
        feed.forget(transactions.topic, PARTITION, begin)

    assert running.process.wait(60) == 1
    last = running.log.read_text(encoding="utf-8").splitlines()[-1]
    assert last.startswith(f"fraud-stream: query {transactions.table} ended"), last
    refused = running.run("bronze-writer")
    assert refused.returncode == 1
    place = f"{transactions.topic} partition {PARTITION}: {len(lost)} messages from offset {lost[0]} on"
    assert f"{place} left the topic" in refused.stderr.splitlines()[-1], refused.stderr[-3000:]
    _, meanwhile, _ = running.conservation(wait=0)
    assert meanwhile[transactions.topic]["bronze"] == before[transactions.topic]["bronze"]

    began = time.monotonic()
    skip(running, lost)
    wait_for_all(running, broker, handles, layout)
    _, after, _ = running.conservation(wait=0)
    record("F9", f"retention while it ran, {len(lost)} messages unread", time.monotonic() - began, None, after)
    grown = {
        name: after[transactions.topic][name] - before[transactions.topic][name]
        for name in after[transactions.topic]
        if name in ("bronze", "missing", "duplicated", "overlap")
    }
    assert grown == {"bronze": len(places) - len(lost), "missing": len(lost), "duplicated": 0, "overlap": 0}
