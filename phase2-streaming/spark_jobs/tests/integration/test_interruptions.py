"""A stream that is paused, poisoned, killed and begun again: its lag is the truth, and nothing is lost or twice.

The tests run in order and share one stream.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fraud_contracts import LABELS, LEDGER_COLUMNS, TRANSACTIONS, field_names
from fraud_stream.lag_exporter import LAKEHOUSE_REST
from fraud_stream.ledger import read_ledger
from fraud_stream.session import JVM_EXIT_SECONDS
from fraud_stream.streams import Layout, Stream, trino_table

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GOOD = 300
# A batch of these tests takes one to three seconds, and the exporter asks twice a second.
BATCH_SECONDS = 15
# A round of questions to Trino takes seconds, and a change is seen by the next one that begins after it.
LAKEHOUSE_SECONDS = (2 + LAKEHOUSE_REST) * 8


@pytest.fixture(scope="module")
def running(driver: Any, feed: Any) -> Any:
    feed.send_good(GOOD, 30)
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    holds(driver)
    return driver


@pytest.fixture(scope="module")
def lag(running: Any, exporter: Any, transactions: Stream) -> Callable[..., None]:
    """Waits until the exporter says that the payments' stream lags by just this, by partition."""
    partitions = acknowledged(running, transactions)

    def wait_for(expected: Counter[str], seconds: float = BATCH_SECONDS) -> None:
        whole = {partition: float(expected[partition]) for partition in partitions}
        place = {"consumergroup": "bronze-stream", "topic": transactions.topic}
        exporter.wait_for(whole, "kafka_consumergroup_lag", seconds=seconds, **place)

    return wait_for


def acknowledged(driver: Any, stream: Stream) -> Counter[str]:
    """How many messages of each partition the ledger says were produced."""
    ledger = read_ledger(Path(driver.environment["FRAUD_PRODUCER_LEDGER_DIR"]), stream.topic)
    return Counter({str(partition): sum(map(len, by_times.values())) for partition, by_times in ledger.items()})


def holds(driver: Any) -> str:
    done = driver.run("validate", "--wait", "120")
    assert done.returncode == 0, done.stdout + done.stderr + driver.log.read_text()[-3000:]
    return str(done.stdout)


def send(feed: Any, count: int) -> Counter[str]:
    """Sends good payments; how many went to each partition."""
    return send_values(feed, [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(count)])


def send_values(feed: Any, values: list[bytes]) -> Counter[str]:
    """Sends payments as they are; how many went to each partition."""
    return Counter(str(partition) for partition, _ in feed.send(TRANSACTIONS, values))


def rows(trino: Any, layout: Layout) -> dict[str, list[list[Any]]]:
    """Number and hash of all that a replay must give again: everything but when and in which batch it was read."""
    again = [name for name in LEDGER_COLUMNS if name not in ("_ingested_at", "_batch_id")]
    found = {}
    for stream in layout.streams:
        columns = ", ".join((*field_names(stream.contract), *again, "event_date"))
        found[stream.table] = trino.query(f"SELECT count(*), checksum(ROW({columns})) FROM {trino_table(stream.table)}")
    # what is encrypted is different bytes each time
    columns = ", ".join((*again, "reasons"))
    found["quarantine"] = trino.query(
        f"SELECT count(*), checksum(ROW({columns})) FROM {trino_table(layout.quarantine_table)}"
    )
    return found


def test_a_paused_stream_shows_what_it_lacks(running: Any, lag: Any, feed: Any, signals: ModuleType) -> None:
    lag(Counter())
    processes = signals.family(running.process.pid)
    assert len(processes) >= 2, "the driver has no JVM"
    # shorter than what the lease grants: the driver goes on afterwards
    with signals.paused(*processes):
        waiting = send(feed, 60)
        lag(waiting, 8)
        waiting += send(feed, 25)
        lag(waiting, 8)
    lag(Counter(), 60)
    assert running.process.poll() is None
    holds(running)


def test_a_poisoned_stream_does_not_lag_because_it_sets_aside(
    running: Any, lag: Any, exporter: Any, feed: Any, layout: Layout, transactions: Stream, signals: ModuleType
) -> None:
    lag(Counter())
    # the exporter has seen the poison before the stream reads it: what it says afterwards is no answer of before
    with signals.paused(*signals.family(running.process.pid)):
        waiting = send_values(feed, [b"\x07 not Avro"] * 500)
        feed.send(LABELS, [None] * 20)
        lag(waiting, 8)
    lag(Counter(), 60)
    quarantine = {"layer": "quarantine", "table": layout.quarantine_table}
    exporter.wait_for({"": 520}, "fraud_lakehouse_rows", LAKEHOUSE_SECONDS, **quarantine)
    exporter.wait_for({"": 0}, "fraud_conservation_gap_messages", LAKEHOUSE_SECONDS, topic=transactions.topic)
    # and with all of it in quarantine, none is left
    lag(Counter())
    holds(running)


def test_starting_over_is_refused_while_the_writer_runs(running: Any, trino: Any, layout: Layout) -> None:
    before = rows(trino, layout)
    done = running.run("start-over", "--why", "a test")
    assert done.returncode == 1
    assert "another Bronze writer is running" in done.stderr
    assert rows(trino, layout) == before


def test_a_killed_stream_shows_what_it_lacks(running: Any, lag: Any, feed: Any) -> None:
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    # its JVM may finish the batch that it is in
    time.sleep(JVM_EXIT_SECONDS / 3)
    waiting = send(feed, 40)
    lag(waiting)
    running.start()
    running.wait_ready()
    lag(Counter(), 60)
    holds(running)


def test_a_replay_from_the_beginning_into_new_tables_gives_the_same_rows(
    running: Any, lag: Any, trino: Any, layout: Layout, transactions: Stream
) -> None:
    before = rows(trino, layout)
    assert before[transactions.table][0][0] > GOOD
    assert before["quarantine"][0][0] == 520
    assert running.end(signal.SIGTERM) == 0
    done = running.run("start-over", "--why", "a test")
    assert done.returncode == 0, done.stdout + done.stderr
    lag(acknowledged(running, transactions))
    running.start()
    running.wait_ready()
    lag(Counter(), 120)
    holds(running)
    assert rows(trino, layout) == before


def test_starting_over_is_refused_where_the_broker_has_forgotten(
    running: Any, feed: Any, transactions: Stream, trino: Any, layout: Layout
) -> None:
    before = rows(trino, layout)
    feed.forget(transactions.topic, 1, 7)
    assert running.end(signal.SIGTERM) == 0
    done = running.run("start-over", "--why", "a test")
    assert done.returncode == 1
    assert f"{transactions.topic} partition 1 begins at offset 7" in done.stderr
    assert rows(trino, layout) == before
