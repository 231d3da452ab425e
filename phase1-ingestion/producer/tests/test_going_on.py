"""A history that broke off is known as such, and what was sent before is not sent again; Kafka is a list of events."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fraud_contracts import TRANSACTIONS, topic
from fraud_producer import continuation, live_events
from fraud_producer.cli import app
from fraud_producer.commands import history, reading
from fraud_producer.errors import DeliveryError, MappingError, SourceError
from fraud_producer.events import Event
from fraud_producer.partitioning import partition_of
from fraud_producer.positions import Positions
from fraud_producer.producer import Deliveries
from fraud_producer.settings import load_settings
from fraud_producer.simulator import SimulationConfig
from fraud_producer.source import FileSource
from fraud_producer.topics import TopicState

MAPPING = """
columns: {transaction_id: id, event_time: t, user_id: u, merchant_id: m, amount: a}
label: {column: f, delay_days: 2}
"""
# ten payments an hour apart, but for the last four, which share one moment and one user; every third is fraud
HOURS = [0, 1, 2, 3, 4, 5, 9, 9, 9, 9]
WANTED = SimulationConfig(start_us=1_772_000_000_000_000)
SIMULATE = ("simulate", "--days", "1", "--end", "2026-03-02T00:00:00Z", "--transactions", "200", "--customers", "20")


class Broker:
    """What the topics hold, in the order of arrival; ``takes`` says after how many messages it goes away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.takes: int | None = None

    def positions(self, _: str, __: str, name: str) -> Positions:
        newest: dict[int, int] = {}
        ids: dict[int, set[str]] = {}
        held = [event for event in self.events if event.topic.name == name]
        partitions = topic(name).partitions
        for event in held:
            partition = partition_of(event.key, partitions)
            if event.event_us > newest.get(partition, -1):
                newest[partition], ids[partition] = event.event_us, set()
            if event.event_us == newest[partition]:
                ids[partition].add(event.event_id)
        return Positions(name, partitions, len(held), newest, {key: frozenset(value) for key, value in ids.items()})

    def payments(self) -> list[str]:
        return [event.event_id for event in self.events if event.topic is TRANSACTIONS]


class Sender:
    """Stands in for the producer."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.deliveries = Deliveries()

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, event: Event) -> None:
        if self._broker.takes is not None and len(self._broker.events) >= self._broker.takes:
            raise DeliveryError("the broker is gone")
        self._broker.events.append(event)

    def require_complete(self) -> None:
        pass


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Broker]:
    made = Broker()
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1",
        "SCHEMA_REGISTRY_URL": "http://nowhere",
        "FRAUD_PRODUCER_PAN_KEY": "a secret of enough characters",
        "FRAUD_PRODUCER_LEDGER_DIR": str(tmp_path / "var" / "ledger"),
    }.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()

    class FakeTopics:
        def __init__(self, _: str) -> None:
            pass

        def describe(self) -> list[TopicState]:
            return [TopicState(TRANSACTIONS.name, 10, {}, messages=len(made.payments()))]

    monkeypatch.setattr(history, "Topics", FakeTopics)
    monkeypatch.setattr(history, "EventProducer", lambda *_: Sender(made))
    for module in (continuation, live_events, reading):
        monkeypatch.setattr(module, "read_positions", made.positions)
    yield made
    load_settings.cache_clear()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "map.yml").write_text(MAPPING, encoding="utf-8")
    path = tmp_path / "payments.csv"
    lines = [f"p{n},2026-01-01T{hour:02d}:00:00Z,u{min(n, 6)},m1,10,{int(n % 3 == 0)}" for n, hour in enumerate(HOURS)]
    path.write_text("\n".join(["id,t,u,m,a,f", *lines]) + "\n", encoding="utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def replay(file: Path, *more: str) -> Result:
    return run("replay", str(file), "--mapping", str(file.with_name("map.yml")), *more)


def newest() -> dict[str, Any]:
    answer = json.loads(run("newest").stdout)
    return {name: answer[name] for name in ("source", "complete", "held_back_left", "label_delay_days")}


def send_live(broker: Broker, count: int, file: FileSource | None = None) -> list[str]:
    coming = [*islice(live_events.live_events(load_settings(), WANTED, None, file), count)]
    broker.events += coming
    return [event.event_id for event in coming if event.topic is TRANSACTIONS]


def test_nothing_is_known_of_empty_topics(broker: Broker) -> None:
    assert newest() == dict.fromkeys(("source", "complete", "held_back_left", "label_delay_days"))


def test_held_back_rows_are_sent_once_and_counted_down(broker: Broker, file: Path) -> None:
    assert replay(file, "--hold-back", "6").exit_code == 0
    assert broker.payments() == ["p0", "p1", "p2", "p3"]
    known = {"source": str(file), "complete": True, "label_delay_days": 2.0}
    assert newest() == known | {"held_back_left": 6}
    # two of the last four, which share one moment, come with the second run
    for sent, left in ((["p4", "p5", "p6", "p7"], 2), (["p8", "p9"], 0)):
        assert send_live(broker, len(sent)) == sent
        assert newest() == known | {"held_back_left": left}
    with pytest.raises(SourceError, match=r"payments\.csv has no payments left for live traffic.*FRESH=1.*--hold-back"):
        send_live(broker, 1)


def test_rows_of_one_moment_are_held_back_together(broker: Broker, file: Path) -> None:
    assert replay(file, "--hold-back", "2").exit_code == 0
    assert newest()["held_back_left"] == 4


def test_a_file_that_was_all_history_has_nothing_left(broker: Broker, file: Path) -> None:
    assert replay(file).exit_code == 0
    assert newest()["held_back_left"] == 0
    # it is not even read: positions say nothing of a history that was sent in the file's own order
    file.unlink()
    with pytest.raises(SourceError, match="FRESH=1"):
        send_live(broker, 1)


def test_a_file_named_again_is_the_one_that_is_remembered(broker: Broker, file: Path) -> None:
    replay(file, "--hold-back", "6")
    assert send_live(broker, 2, FileSource(str(file), str(file.with_name("map.yml")))) == ["p4", "p5"]


def test_a_file_that_is_gone_has_nothing_left(broker: Broker, file: Path) -> None:
    replay(file, "--hold-back", "6")
    file.unlink()
    assert newest()["held_back_left"] == 0


def test_a_replay_that_broke_off_is_incomplete_and_names_the_remedy(broker: Broker, file: Path) -> None:
    broker.takes = 2
    assert isinstance(replay(file, "--hold-back", "6").exception, DeliveryError)
    assert newest() == {"source": str(file), "complete": False, "held_back_left": 6, "label_delay_days": 2.0}
    broker.takes = None
    refused = replay(file, "--hold-back", "6").exception
    assert isinstance(refused, SourceError)
    assert "2 messages of a history that broke off before its end: start over with FRESH=1" in str(refused)


def test_holding_back_everything_is_refused(broker: Broker, file: Path) -> None:
    refused = replay(file, "--hold-back", "10").exception
    assert isinstance(refused, SourceError)
    assert "has 10 payments that can be sent" in str(refused)
    assert broker.events == []


def test_a_damaged_file_is_refused_before_anything_is_sent(broker: Broker, file: Path) -> None:
    file.write_text(file.read_text().replace(",0\n", ",nein\n").replace(",1\n", ",ja\n"), encoding="utf-8")
    assert isinstance(replay(file).exception, MappingError)
    assert broker.events == []


def test_a_simulation_that_broke_off_goes_on_where_the_topics_end(broker: Broker) -> None:
    assert run(*SIMULATE).exit_code == 0
    whole = [(event.topic.name, event.event_id) for event in broker.events]
    assert newest() == {"source": "simulator", "complete": True, "held_back_left": None, "label_delay_days": None}
    broker.events.clear()
    broker.takes = 60
    assert isinstance(run(*SIMULATE).exception, DeliveryError)
    assert newest()["complete"] is False
    broker.takes = None
    assert run(*SIMULATE).exit_code == 0
    assert newest()["complete"] is True
    assert [(event.topic.name, event.event_id) for event in broker.events] == whole


def test_live_payments_do_not_make_a_broken_history_complete(broker: Broker) -> None:
    broker.takes = 60
    run(*SIMULATE)
    send_live(broker, 5)
    assert newest()["complete"] is False


def test_an_endless_stream_into_empty_topics_is_the_beginning_of_a_history(broker: Broker) -> None:
    send_live(broker, 5)
    assert newest()["complete"] is False
    assert newest()["source"] == "simulator"
