"""Deciding about quarantined messages on the real platform. The tests run in order and share one running stream."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from fraud_contracts import LABELS, TRANSACTIONS, schema
from fraud_stream.broker import Broker
from fraud_stream.coordinates import Coordinates
from fraud_stream.dispositions import DISCARDED, REDRIVEN, Dispositions
from fraud_stream.errors import DispositionError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.redrive import find_copies
from fraud_stream.streams import Layout, Stream, trino_table

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GOOD = 200
EARLY = 12
# Runs a command of this room and dies by SIGKILL where it would have called what stands in {}.
DIES = """
import os, signal, sys
from fraud_stream import cli, dispositions, redrive
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{} = die
cli.main()
"""


@pytest.fixture(scope="module")
def newer() -> dict[str, Any]:
    """The payments' schema with one field more."""
    avro = schema(TRANSACTIONS)
    avro["fields"].append({"name": "loyalty_tier", "type": ["null", "string"], "default": None})
    return avro


@pytest.fixture(scope="module")
def early(
    feed: Any, transactions: Stream, newer: dict[str, Any], environment: dict[str, str]
) -> Iterator[list[Coordinates]]:
    """Payments of a schema that the registry knows, but not as one of theirs; good messages lie around them."""
    elsewhere = f"{transactions.subject}-elsewhere"
    schema_id = feed.register(SimpleNamespace(subject=elsewhere), newer)
    feed.send_good(GOOD, 20)
    payments = [feed.transaction(loyalty_tier="gold") for _ in range(EARLY)]
    places = feed.send(TRANSACTIONS, [feed.encode(TRANSACTIONS, one, newer, schema_id) for one in payments])
    feed.send_good(20)
    yield [Coordinates(transactions.topic, *place) for place in places]
    httpx.delete(f"{environment['SCHEMA_REGISTRY_URL']}/subjects/{elsewhere}", timeout=30)


@pytest.fixture(scope="module")
def hopeless(feed: Any, early: list[Coordinates]) -> list[Coordinates]:
    """Bytes that nothing will ever decode, on two topics."""
    found = []
    for contract, count in ((TRANSACTIONS, 30), (LABELS, 3)):
        places = feed.send(contract, [b"\x07 not Avro"] * count)
        found += [Coordinates(feed.streams[contract.name].topic, *place) for place in places]
    return found


@pytest.fixture(scope="module")
def running(driver: Any, hopeless: list[Coordinates], layout: Layout) -> Iterator[Any]:
    # beside everything that follows, the driver maintains its tables every half minute
    driver.environment |= {"BRONZE_MAINTENANCE_HOURS": "0.01", "MLFLOW_TRACKING_URI": ""}
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    validated(driver)
    yield driver
    with Lakehouse(driver.environment["TRINO_URL"]) as lakehouse:
        lakehouse.query(f"DROP TABLE IF EXISTS {Dispositions(lakehouse, layout, 'test').table}")


def validated(driver: Any) -> str:
    """What `validate` prints once everything that was sent has landed; P1 must hold."""
    done = driver.run("validate", "--wait", "120")
    assert done.returncode == 0, done.stdout + done.stderr + driver.log.read_text()[-3000:]
    return str(done.stdout)


def decide(driver: Any, action: str, *arguments: str, code: int = 0) -> str:
    done = driver.run("dlq", action, "--why", "a test", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return str(done.stdout)


def at(*coordinates: Coordinates) -> list[str]:
    return [argument for one in coordinates for argument in ("--at", str(one))]


def dying(driver: Any, instead_of: str, *arguments: str) -> None:
    """Run a command that is killed just before `instead_of`."""
    done = subprocess.run(
        [sys.executable, "-c", DIES.format(instead_of), *arguments],
        env=driver.environment,
        cwd=driver.log.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def copies(driver: Any, origin: Coordinates) -> list[int]:
    """Offsets at which the message of these coordinates lies on its topic again."""
    servers = driver.environment["KAFKA_BOOTSTRAP_SERVERS"]
    begin, end = Broker(servers).offsets(origin.topic)[origin.partition]
    found = []
    while begin < end:
        here = find_copies(servers, origin.topic, origin.partition, begin, end).get(str(origin))
        if here is None:
            break
        found.append(here)
        begin = here + 1
    return found


def counts(driver: Any, *arguments: str) -> dict[tuple[str, str], list[int]]:
    """Messages, undecided, redriven and discarded by topic and reason, as `list` prints them."""
    lines = [re.findall(r"[^│\s]+", line) for line in driver.run("dlq", "list", *arguments).stdout.splitlines()]
    return {
        (cells[0], cells[1]): [int(cell) for cell in cells[2:6]]
        for cells in lines
        if len(cells) > 6 and cells[2].isdigit()
    }


def audit_lines(driver: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(driver.environment["FRAUD_STREAM_AUDIT_LOG"]).read_text().splitlines()]


def test_the_list_counts_by_topic_and_reason(running: Any, transactions: Stream, hopeless: list[Coordinates]) -> None:
    labels = hopeless[-1].topic
    assert counts(running) == {
        (labels, "bad_magic_byte"): [3, 3, 0, 0],
        (transactions.topic, "bad_magic_byte"): [30, 30, 0, 0],
        (transactions.topic, "unknown_schema_id"): [EARLY, EARLY, 0, 0],
    }
    assert counts(running, "--topic", labels, "--reason", "bad_magic_byte").keys() == {(labels, "bad_magic_byte")}
    assert counts(running, "--until", "2020-01-01T00:00:00Z") == {}
    assert len(counts(running, "--since", "2020-01-01T00:00:00Z")) == 3


def test_one_message_is_shown_by_its_coordinates(running: Any, early: list[Coordinates]) -> None:
    (line,) = decide(running, "show", *at(early[3])).splitlines()
    shown = json.loads(line)
    assert Coordinates(shown["topic"], shown["partition"], shown["offset"]) == early[3]
    assert (shown["reasons"], shown["disposition"]) == (["unknown_schema_id"], None)
    assert shown["schema_id"] is not None
    assert audit_lines(running)[-1]["messages"] == [str(early[3])]


def test_what_is_not_in_quarantine_is_refused_by_name(running: Any, transactions: Stream) -> None:
    done = running.run("dlq", "redrive", "--why", "a test", "--at", f"{transactions.topic}-0-999999")
    assert done.returncode == 1
    assert f"{transactions.topic}-0-999999 is not in quarantine" in done.stderr


def test_after_the_fix_a_redriven_message_lands_once(
    running: Any, feed: Any, transactions: Stream, newer: dict[str, Any], early: list[Coordinates], trino: Any
) -> None:
    feed.register(transactions, newer)
    said = decide(running, "redrive", "--reason", "unknown_schema_id", "--limit", "5")
    assert "5 redriven, 0 discarded, 0 left alone" in said
    said = decide(running, "redrive", "--reason", "unknown_schema_id")
    assert f"{EARLY - 5} redriven, 0 discarded, 0 left alone" in said
    # repeated: nobody is left to be decided about
    assert "0 redriven, 0 discarded, 0 left alone" in decide(running, "redrive", "--reason", "unknown_schema_id")
    said = decide(running, "redrive", *at(early[0]), code=1)
    assert re.search(r"was redriven already, to offset \d+", said), said
    assert [len(copies(running, one)) for one in early] == [1] * EARLY
    validated(running)
    ((landed, users),) = trino.query(
        f"SELECT count(*), count(DISTINCT transaction_id) FROM {trino_table(transactions.table)} "
        "WHERE loyalty_tier = 'gold'"
    )
    assert (landed, users) == (EARLY, EARLY)
    assert counts(running, "--reason", "unknown_schema_id") == {
        (transactions.topic, "unknown_schema_id"): [EARLY, 0, EARLY, 0]
    }


def test_what_a_killed_run_has_sent_is_not_sent_again(running: Any, hopeless: list[Coordinates]) -> None:
    victim = hopeless[0]
    dying(running, "dispositions.Dispositions.end", "dlq", "redrive", "--why", "a test", *at(victim))
    assert len(copies(running, victim)) == 1
    said = decide(running, "redrive", *at(victim))
    assert "sent by an earlier run" in said
    assert len(copies(running, victim)) == 1
    validated(running)


def test_what_a_killed_run_has_not_written_to_the_ledger_is_added_to_it(
    running: Any, hopeless: list[Coordinates]
) -> None:
    victim = hopeless[1]
    instead_of = "redrive.LedgerFiles.acknowledge"
    dying(running, instead_of, "dlq", "redrive", "--why", "a test", *at(victim))
    assert len(copies(running, victim)) == 1
    assert running.run("conservation", "--wait", "20").returncode == 1, "a message that no ledger explains"
    decide(running, "redrive", *at(victim))
    validated(running)


def test_what_a_killed_run_has_only_claimed_is_sent_once(running: Any, hopeless: list[Coordinates]) -> None:
    victims = hopeless[2:5]
    dying(running, "redrive.send", "dlq", "redrive", "--why", "a test", *at(*victims))
    assert [copies(running, one) for one in victims] == [[], [], []]
    assert "3 redriven, 0 discarded, 0 left alone" in decide(running, "redrive", *at(*victims))
    assert [len(copies(running, one)) for one in victims] == [1, 1, 1]
    validated(running)


def test_two_at_once_send_each_message_once(running: Any, hopeless: list[Coordinates]) -> None:
    """Redriven bytes that still do not decode are quarantined anew, under their new coordinates."""
    victims = hopeless[5:25]
    command = [str(Path(sys.executable).with_name("fraud-stream")), "dlq", "redrive", "--why", "a test", *at(*victims)]
    both = [
        subprocess.Popen(
            command,
            env=running.environment,
            cwd=running.log.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=300)[0] for one in both]
    assert not any("Traceback" in one for one in said), said
    decide(running, "redrive", *at(*victims), code=1)
    assert [len(copies(running, one)) for one in victims] == [1] * len(victims), said
    validated(running)


def test_of_two_claims_at_the_same_moment_one_is_granted(
    running: Any, layout: Layout, hopeless: list[Coordinates], environment: dict[str, str]
) -> None:
    """And a claim of a process that lives keeps everybody else away."""
    victims = hopeless[25:29]
    ready = threading.Barrier(2)

    def claim(run: str) -> list[str]:
        won = []
        with Lakehouse(environment["TRINO_URL"]) as lakehouse:
            dispositions = Dispositions(lakehouse, layout, run)
            for victim in victims:
                ready.wait(60)
                try:
                    won += [str(one) for one in dispositions.claim({victim: 1}, {victim: 0})]
                except DispositionError:
                    continue
        return won

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(claim, ("a", "b"))
    assert sorted(first + second) == sorted(map(str, victims))
    for action in ("redrive", "discard"):
        assert "is being decided about by" in decide(running, action, *at(victims[0]), code=1)
    assert copies(running, victims[0]) == []


def test_a_discarded_message_is_handled_and_stays_in_quarantine(
    running: Any, hopeless: list[Coordinates], layout: Layout, trino: Any
) -> None:
    labels = hopeless[-1].topic
    assert "3 discarded" in decide(running, "discard", "--topic", labels)
    assert counts(running, "--topic", labels) == {(labels, "bad_magic_byte"): [3, 0, 0, 3]}
    assert "was discarded already" in decide(running, "redrive", *at(hopeless[-1]), code=1)
    known = Dispositions(trino, layout, "test").of([hopeless[-1], hopeless[0]])
    assert [known[one].end for one in (hopeless[-1], hopeless[0])] == [DISCARDED, REDRIVEN]
    validated(running)


def test_every_decision_is_audited(running: Any, early: list[Coordinates], hopeless: list[Coordinates]) -> None:
    lines = audit_lines(running)
    assert {line["why"] for line in lines} == {"a test"}
    assert all(line["who"] and line["at"] for line in lines)
    by_action = {
        action: {name for line in lines if line["action"] == action for name in line["messages"]}
        for action in ("show", "redrive", "redriven", "discard")
    }
    assert by_action["show"] == {str(early[3])}
    assert {str(one) for one in (*early, *hopeless[:25])} <= by_action["redriven"] <= by_action["redrive"]
    assert by_action["discard"] == {str(one) for one in hopeless[-3:]}


def test_data_quality_passes_until_an_id_is_repeated(running: Any, feed: Any, transactions: Stream) -> None:
    done = running.run("dq", "--max-duplicate-share", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    again = feed.encode(TRANSACTIONS, feed.transaction(transaction_id="twice"))
    feed.send(TRANSACTIONS, [again, again])
    validated(running)
    done = running.run("dq", "--max-duplicate-share", "0")
    assert done.returncode == 1
    assert re.search(rf"failed bronze.{transactions.table}: 1 of \d+ rows repeat a transaction_id", done.stdout)
    assert running.run("dq", "--max-duplicate-share", "0.5").returncode == 0


def test_a_stopped_writer_fails_validation_and_data_quality(
    running: Any, feed: Any, transactions: Stream, layout: Layout
) -> None:
    assert "P1 holds" in validated(running)
    log = running.log.read_text()
    assert all(f"bronze.{table} is maintained" in log for table in layout.tables()), log[-3000:]
    assert "could not be maintained" not in log
    assert running.end(signal.SIGTERM) == 0
    feed.send_good(5)
    done = running.run("validate", "--wait", "2")
    assert done.returncode == 1
    assert f"P1 does not hold for {transactions.topic}" in done.stdout
    row = next(line for line in done.stdout.splitlines() if transactions.topic in line)
    gaps, lag = (int(re.findall(r"[^│\s]+", row)[cell]) for cell in (5, 9))
    assert (gaps, lag) == (5, 5)
    done = running.run("dq", "--wait", "2", FRAUD_STREAM_FRESHNESS_BOUND_SECONDS="1")
    assert done.returncode == 1
    assert f"failed bronze.{transactions.table}: {transactions.topic} partition" in done.stdout
