"""Whoever is killed or goes away, producer or broker: nothing is lost, nothing is twice, and the ledger says so."""

import csv
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from subprocess import Popen
from types import ModuleType
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client import REGISTRY

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS
from fraud_producer import producer as producing
from fraud_producer.client_config import QUEUE_MESSAGES
from fraud_producer.commands.ledger import count_lines
from fraud_producer.dead_letters import OTHER, TOO_LARGE
from fraud_producer.events import Event
from fraud_producer.ledger import Ledger
from fraud_producer.message_ranges import read_ranges
from fraud_producer.producer import EventProducer
from fraud_producer.reconciling import RECONCILED, read_lines, reconcile

pytestmark = pytest.mark.integration

Start = Callable[..., Popen[str]]


@pytest.fixture(autouse=True)
def emptied(kafka: Any) -> Iterator[None]:
    yield
    kafka.empty()


@pytest.fixture
def folder(environment: dict[str, str]) -> Path:
    return Path(environment["FRAUD_PRODUCER_LEDGER_DIR"])


@pytest.fixture
def servers_of(environment: dict[str, str]) -> tuple[str, str]:
    return environment["KAFKA_BOOTSTRAP_SERVERS"], environment["SCHEMA_REGISTRY_URL"]


@pytest.fixture(scope="module")
def history(namespaced: ModuleType) -> Any:
    return namespaced.History(days=20, payments=80_000)


def in_ledger(folder: Path) -> dict[tuple[str, int, int], str]:
    found: dict[tuple[str, int, int], str] = {}
    for topic in RAW_TOPICS:
        for path in (folder / topic.name).glob("*.csv"):
            for partition, offset, name in read_lines(path):
                assert (topic.name, partition, offset) not in found, "one message in two lines"
                found[topic.name, partition, offset] = name
    return found


def given_up(folder: Path) -> list[dict[str, str]]:
    lines = []
    for path in (folder / "undelivered").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            lines += list(csv.DictReader(file))
    return lines


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def once_each(events: Iterator[Event]) -> list[tuple[str, str]]:
    return sorted((event.topic.name, event.event_id) for event in events)


def held(kafka: Any) -> list[tuple[str, str]]:
    return sorted((topic, name) for (topic, _, _), name in kafka.ids().items())


def test_a_producer_killed_again_and_again_loses_nothing_and_its_ledger_is_made_whole(
    kafka: Any, start: Start, folder: Path, history: Any
) -> None:
    unwritten = 0
    for messages in (2_000, 12_000, 30_000):
        process = start(*history.command)
        wait_for(lambda enough=messages: kafka.messages() >= enough)  # type: ignore[misc]
        process.kill()
        process.wait()
        unwritten += kafka.messages() - len(in_ledger(folder))
    assert unwritten, "the kills came when every report was written: nothing is tested"
    _, said = (last := start(*history.command)).communicate(timeout=120)
    assert last.returncode == 0, said
    assert held(kafka) == once_each(history.events())
    assert in_ledger(folder) == kafka.ids()
    assert list(folder.glob(f"*/*{RECONCILED}"))
    assert not list((folder / "runs").iterdir())


def test_what_another_sender_put_between_is_nobody_s_of_ours(
    kafka: Any, folder: Path, servers_of: tuple[str, str], history: Any
) -> None:
    from confluent_kafka import Producer

    with Ledger(folder) as ledger, EventProducer(*servers_of, ledger) as producer:
        for event in islice(history.events(), 50):
            producer.send(event)
    stranger = Producer({"bootstrap.servers": servers_of[0]})
    stranger.produce(TRANSACTIONS.name, b"bytes of somebody else", "U1", headers={"run": "theirs"})
    stranger.flush(10)
    lines = sorted(folder.glob("*/*.csv"))
    lines[0].write_text(lines[0].read_text()[:-9])
    _leave_open(folder, ledger.run_id)
    reconcile(folder, *servers_of)
    stored = len(in_ledger(folder))
    assert (stored, kafka.messages()) == (50, 51)


def _leave_open(folder: Path, run_id: str) -> None:
    """As if the run had been killed: it began when the topics were empty."""
    starts = {
        topic.name: {"id_field": topic.id_field, "ends": {str(number): 0 for number in range(topic.partitions)}}
        for topic in RAW_TOPICS
    }
    (folder / "runs" / f"{run_id}.json").write_text(json.dumps({"topics": starts}))


@pytest.mark.slow
def test_events_without_an_answer_are_named_and_the_next_run_knows_whether_they_arrived(
    kafka: Any,
    folder: Path,
    servers_of: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    history: Any,
    signals: ModuleType,
) -> None:
    monkeypatch.setattr(producing, "FLUSH_SECONDS", 1.0)
    events = list(islice(history.events(), 4_000))
    with Ledger(folder) as ledger:
        producer = EventProducer(*servers_of, ledger, overrides={"linger.ms": 0, "batch.num.messages": 50})
        with producer:
            for event in events[:1000]:
                producer.send(event)
            producer.flush()
            with signals.paused(signals.listener(servers_of[0])):
                for event in events[1000:]:
                    producer.send(event)
                producer.close()
    done = producer.deliveries
    assert done.acknowledged.total() == 1000
    assert done.failed.total() > 0, "nothing waited in the queue"
    assert done.unknown > 0, "nothing was on its way"
    lines = given_up(folder)
    assert sorted(line["id"] for line in lines) == sorted(event.event_id for event in events[1000:])
    assert sum(line["outcome"] == "unknown" for line in lines) == done.unknown
    # the broker read what was on its way once it could
    wait_for(lambda: kafka.messages() > 1000)
    time.sleep(1)
    arrived = {(topic, name) for topic, name in held(kafka)} - {
        (event.topic.name, event.event_id) for event in events[:1000]
    }
    found = reconcile(folder, *servers_of)
    assert [(one.run_id, one.arrived, one.absent) for one in found] == [
        (ledger.run_id, len(arrived), done.unknown - len(arrived))
    ]
    assert {(line["topic"], line["id"]) for line in given_up(folder) if line["outcome"] == "arrived"} == arrived
    assert in_ledger(folder) == kafka.ids()
    assert reconcile(folder, *servers_of) == []
    counts = count_lines(folder)[TRANSACTIONS.name]
    assert counts["arrived"] + counts["absent"] + counts["failed"] + counts["acknowledged"] == sum(
        event.topic is TRANSACTIONS for event in events
    )
    assert counts["reconciled"] == counts["arrived"]


@pytest.mark.slow
def test_a_replay_killed_again_and_again_sends_every_row_once(
    kafka: Any, start: Start, folder: Path, tmp_path: Path
) -> None:
    rows = 60_000
    file, mapping = tmp_path / "payments.csv", tmp_path / "map.yml"
    with file.open("w", encoding="utf-8") as lines:
        lines.write("t,u,m,a,f\n")
        for number in range(rows):
            bad = "much" if number % 1000 == 7 else f"{number % 900 + 1}.50"
            lines.write(f"{1_790_000_000 + number * 30},u{number % 700},m{number % 90},{bad},{int(number % 50 == 0)}\n")
    mapping.write_text(
        "columns: {event_time: t, user_id: u, merchant_id: m, amount: a}\n"
        "time: {format: epoch_s}\nlabel: {column: f, delay_days: 1}\n"
    )
    command = ("replay", str(file), "--mapping", str(mapping))
    for messages in (5_000, 15_000, 30_000):
        # all of it takes ten seconds at least: nobody is killed who has finished
        process = start(*command, "--speed", "180000")
        wait_for(lambda enough=messages: kafka.messages() >= enough)  # type: ignore[misc]
        process.kill()
        process.wait()
    said, log = (last := start(*command)).communicate(timeout=120)
    assert last.returncode == 0, log
    assert "going on after" in log
    summary = json.loads(said)
    assert (summary["rows"], summary["bad_rows"]) == (rows - 60, 60)
    stored = kafka.ids()
    assert len(stored) == summary["sent_before"] + sum(summary["produced"].values())
    payments = [name for (topic, _, _), name in stored.items() if topic == TRANSACTIONS.name]
    # ids are made of the file's name and the row's number: each row once
    assert len(set(payments)) == len(payments) == rows - 60
    labels = [name for (topic, _, _), name in stored.items() if topic == LABELS.name]
    # the last day's fraud becomes known after the file's end
    assert len(set(labels)) == len(labels) == sum((rows - number) * 30 > 86_400 for number in range(0, rows, 50))
    assert in_ledger(folder) == stored
    with Path(summary["errors_file"]).open(newline="", encoding="utf-8") as written:
        assert [int(row["line"]) for row in csv.DictReader(written)] == [number + 2 for number in range(7, rows, 1000)]


def test_a_broker_that_does_not_answer_is_waited_for_in_bounded_memory(
    kafka: Any, start: Start, folder: Path, environment: dict[str, str], signals: ModuleType
) -> None:
    stream = Stream(start, environment)
    wait_for(lambda: kafka.messages() > 5_000)
    with signals.paused(signals.listener(environment["KAFKA_BOOTSTRAP_SERVERS"])):
        stream.wait_for_full_queue()
        full = stream.memory()
        time.sleep(3)
        grown = stream.memory() - full
    stream.end_after_more_than_its_queue(kafka, folder)
    assert full < 500e6
    assert grown < 5e6, "the sender went on although the queue was full"


@pytest.mark.slow
def test_a_broker_that_is_stopped_and_started_again_gets_every_message_once(
    kafka: Any, start: Start, folder: Path, environment: dict[str, str], stack: Any
) -> None:
    stream = Stream(start, environment)
    wait_for(lambda: kafka.messages() > 5_000)
    assert stream.health()[1]["status"] == "ok"
    stack.stop("kafka")
    try:
        stream.wait_for_full_queue()
        wait_for(lambda: stream.health()[0] == 503)
        assert "no broker was reached" in stream.health()[1]["reasons"][0]
    finally:
        stack.start("kafka")
    wait_for(lambda: stream.health()[0] == 200)
    stream.end_after_more_than_its_queue(kafka, folder)


class Stream:
    """Simulated payments as fast as they go, in a process of their own."""

    def __init__(self, start: Start, environment: dict[str, str]) -> None:
        self._process = start("stream", "--rate", "50000", "--customers", "300", "--seed", "3")
        self._watched = psutil.Process(self._process.pid)
        self._address = f"http://127.0.0.1:{environment['PRODUCER_METRICS_PORT']}/health"

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = httpx.get(self._address)
        return answer.status_code, answer.json()

    def memory(self) -> int:
        return self._watched.memory_info().rss

    def wait_for_full_queue(self) -> None:
        wait_for(lambda: self.health()[1]["queued_messages"] >= QUEUE_MESSAGES, 240)

    def end_after_more_than_its_queue(self, kafka: Any, folder: Path) -> None:
        """What waited arrives, and more; then the stream ends, and nothing is lost or twice."""
        before = kafka.messages()
        wait_for(lambda: kafka.messages() > before + QUEUE_MESSAGES, 240)
        self._process.terminate()
        said, log = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, log
        summary = json.loads(said)
        stored = kafka.ids()
        assert (summary["failed"], summary["unknown"]) == (0, 0)
        assert sum(summary["produced"].values()) == len(stored)
        assert len(set(held(kafka))) == len(stored), "a message is there twice"
        assert in_ledger(folder) == stored


def test_a_stream_that_is_asked_to_end_sends_what_it_holds(
    kafka: Any, start: Start, folder: Path, environment: dict[str, str]
) -> None:
    process = start("stream", "--rate", "400", "--customers", "100")
    wait_for(lambda: kafka.messages() > 200)
    port = environment["PRODUCER_METRICS_PORT"]
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert f'fraud_producer_events_total{{outcome="acknowledged",topic="{TRANSACTIONS.name}"}}' in metrics
    process.terminate()
    said, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    stored = kafka.ids()
    assert sum(json.loads(said)["produced"].values()) == len(stored)
    assert in_ledger(folder) == stored
    assert not list((folder / "runs").iterdir())


def test_what_fits_no_schema_goes_to_the_dead_letters_and_the_rest_goes_on(
    kafka: Any, folder: Path, servers_of: tuple[str, str], history: Any, stack: Any
) -> None:
    events = list(islice((event for event in history.events() if event.topic is TRANSACTIONS), 20))
    events[7].record["channel"] = "PIGEON 4111111111111111"
    events[11].record["user_id"] = None
    # fits the schema, but no message
    events[13].record["device_id"] = "d" * 2_000_000
    reasons = ("channel", "user_id", TOO_LARGE, OTHER)
    before = [letters_counted(reason) for reason in reasons]
    with Ledger(folder) as ledger, EventProducer(*servers_of, ledger) as producer:
        assert all(producer.send(event) for event in events)
    assert producer.deliveries.complete
    assert producer.deliveries.dead_letters == {TRANSACTIONS.name: 3}
    assert [letters_counted(reason) - count for reason, count in zip(reasons, before, strict=True)] == [1, 1, 1, 0]
    bad = [events[number].event_id for number in (7, 11, 13)]
    assert sorted(in_ledger(folder).values()) == sorted(e.event_id for e in events if e.event_id not in bad)
    letters = TRANSACTIONS.dead_letter_topic
    (path,) = (folder / letters).glob("*.csv")
    assert [name for _, _, name in read_lines(path)] == bad
    sent = list(read_ranges(servers_of[0], letters, {0: [(0, 3)]}))
    said: list[dict[str, bytes]] = [dict(message.headers() or []) for message in sent]  # type: ignore[arg-type]
    assert [headers["field"] for headers in said] == [b"channel", b"user_id", b""]
    assert all(headers["reason"] and headers["origin"] == b"producer" for headers in said)
    assert json.loads(sent[0].value() or b"")["channel"] == "PIGEON [card number]"
    assert b"4111111111111111" not in said[0]["reason"]
    first, *_ = stack.run(["fraud-producer", "tail", letters, "--count", "3"]).stdout.splitlines()
    assert json.loads(first)["headers"]["field"] == "channel"
    assert json.loads(first)["value"]["channel"] == "PIGEON [card number]"
    assert [(line["id"], line["outcome"]) for line in given_up(folder)] == [(name, "dead_letter") for name in bad]


def letters_counted(reason: str) -> float:
    """Dead letters of payments that Prometheus would be told under this reason."""
    labels = {"topic": TRANSACTIONS.name, "reason": reason}
    return REGISTRY.get_sample_value("fraud_producer_dead_letters_total", labels) or 0.0
