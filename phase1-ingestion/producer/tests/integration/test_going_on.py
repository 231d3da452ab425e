"""A history that broke off is known as such, and what was sent before is not sent again."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer import live_events
from fraud_producer.cli import app
from fraud_producer.commands import sending
from fraud_producer.errors import DeliveryError, MappingError, SourceError
from fraud_producer.events import Event
from fraud_producer.ledger import Ledger
from fraud_producer.producer import EventProducer
from fraud_producer.settings import load_settings
from fraud_producer.simulator import SimulationConfig
from fraud_producer.source import FileSource
from fraud_producer.stopping import Stop

pytestmark = pytest.mark.integration

MAPPING = """
columns: {transaction_id: id, event_time: t, user_id: u, merchant_id: m, amount: a}
label: {column: f, delay_days: 2}
"""
# ten payments an hour apart, but for the last four, which share one moment and one user; every third is fraud
HOURS = [0, 1, 2, 3, 4, 5, 9, 9, 9, 9]
WANTED = SimulationConfig(start_us=1_772_000_000_000_000)
SIMULATE = ("simulate", "--days", "1", "--end", "2026-03-02T00:00:00Z", "--transactions", "200", "--customers", "20")


class Broker:
    """What the topics hold; ``takes`` says after how many messages a command cannot send any more."""

    def __init__(self, kafka: Any) -> None:
        self._kafka = kafka
        self.takes: int | None = None

    def messages(self) -> list[tuple[str, str]]:
        return sorted((topic, name) for (topic, _, _), name in self._kafka.ids().items())

    def payments(self) -> list[str]:
        return [name for topic, name in self.messages() if topic == TRANSACTIONS.name]

    def empty(self) -> None:
        self._kafka.empty()


@pytest.fixture
def broker(kafka: Any, stack: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Broker]:
    made = Broker(kafka)
    for name, value in {**stack.env, "FRAUD_PRODUCER_LEDGER_DIR": str(tmp_path / "var" / "ledger")}.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()

    class Breaking(EventProducer):
        """What it takes arrives; then it is as if the client could not go on."""

        taken = 0

        def send(self, event: Event, stop: Stop | None = None) -> bool:
            if made.takes is not None and self.taken >= made.takes:
                raise DeliveryError("the broker is gone")
            self.taken += 1
            return super().send(event, stop)

    monkeypatch.setattr(sending, "EventProducer", Breaking)
    yield made
    load_settings.cache_clear()
    made.empty()


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
    answer = json.loads(run("newest", "--topic", TRANSACTIONS.name).stdout)
    return {name: answer[name] for name in ("source", "complete", "held_back_left", "label_delay_days")}


def send_live(count: int, file: FileSource | None = None) -> list[str]:
    settings = load_settings()
    coming = [*islice(live_events.live_events(settings, WANTED, None, file), count)]
    with (
        Ledger(settings.fraud_producer_ledger_dir) as ledger,
        EventProducer(settings.kafka_bootstrap_servers, settings.schema_registry_url, ledger) as producer,
    ):
        assert all(producer.send(event) for event in coming)
    assert producer.deliveries.complete
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
        assert send_live(len(sent)) == sent
        assert newest() == known | {"held_back_left": left}
    with pytest.raises(SourceError, match=r"payments\.csv has no payments left for live traffic.*FRESH=1.*--hold-back"):
        send_live(1)


def test_rows_of_one_moment_are_held_back_together(broker: Broker, file: Path) -> None:
    assert replay(file, "--hold-back", "2").exit_code == 0
    assert newest()["held_back_left"] == 4


def test_a_file_that_was_all_history_has_nothing_left(broker: Broker, file: Path) -> None:
    assert replay(file).exit_code == 0
    assert newest()["held_back_left"] == 0
    # it is not even read: positions say nothing of a history that was sent in the file's own order
    file.unlink()
    with pytest.raises(SourceError, match="FRESH=1"):
        send_live(1)


def test_a_file_named_again_is_the_one_that_is_remembered(broker: Broker, file: Path) -> None:
    replay(file, "--hold-back", "6")
    assert send_live(2, FileSource(str(file), str(file.with_name("map.yml")))) == ["p4", "p5"]


def test_a_file_that_is_gone_has_nothing_left(broker: Broker, file: Path) -> None:
    replay(file, "--hold-back", "6")
    file.unlink()
    assert newest()["held_back_left"] == 0


def test_a_replay_that_broke_off_goes_on_where_it_ended(broker: Broker, file: Path) -> None:
    broker.takes = 2
    assert isinstance(replay(file, "--hold-back", "4").exception, DeliveryError)
    assert newest() == {"source": str(file), "complete": False, "held_back_left": 4, "label_delay_days": 2.0}
    assert len(broker.messages()) == 2
    broker.takes = 3
    assert isinstance(replay(file, "--hold-back", "4").exception, DeliveryError)
    assert len(broker.messages()) == 5
    broker.takes = None
    done = replay(file, "--hold-back", "4")
    assert done.exit_code == 0
    assert "going on after 5 messages" in done.stderr
    # the file is not checked again: what is done to the end is sending it
    assert [line for line in done.stderr.splitlines() if line.startswith(f"{file.name}: 100%")]
    assert json.loads(done.stdout)["sent_before"] == 5
    assert broker.payments() == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert newest()["complete"] is True


def test_labels_that_become_known_too_late_are_counted_in_every_run(broker: Broker, file: Path) -> None:
    broker.takes = 7
    assert isinstance(replay(file).exception, DeliveryError)
    broker.takes = None
    done = replay(file)
    assert json.loads(done.stdout)["labels_not_sent"] == 4
    assert "4 labels become known after the file's last payment and were not sent" in done.stderr
    assert len(broker.messages()) == len(broker.payments()) == 10


def test_a_file_after_another_that_broke_off_names_the_remedy(broker: Broker, file: Path) -> None:
    broker.takes = 2
    replay(file, "--hold-back", "6")
    broker.takes = None
    refused = replay(file, "--hold-back", "4").exception
    assert isinstance(refused, SourceError)
    assert "2 messages of a history that broke off before its end: start over with FRESH=1" in str(refused)
    # and one that came to its end is not sent again
    assert replay(file, "--hold-back", "6").exit_code == 0
    again = replay(file, "--hold-back", "6").exception
    assert isinstance(again, SourceError)
    assert "holds 4 messages: start over" in str(again)


def test_labels_of_the_whole_file_arrive_with_it(broker: Broker, file: Path) -> None:
    with file.open("a", encoding="utf-8") as rows:
        rows.write("p10,2026-01-04T00:00:00Z,u1,m1,10,0\n")
    broker.takes = 12
    replay(file)
    broker.takes = None
    done = replay(file)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["labels_not_sent"] == 0
    assert "labels become known" not in done.stderr
    assert [name for topic, name in broker.messages() if topic == LABELS.name] == ["p0", "p3", "p6", "p9"]
    assert len(broker.payments()) == 11


def test_holding_back_everything_is_refused(broker: Broker, file: Path) -> None:
    refused = replay(file, "--hold-back", "10").exception
    assert isinstance(refused, SourceError)
    assert "has 10 payments that can be sent" in str(refused)
    assert broker.messages() == []


def test_a_damaged_file_is_refused_before_anything_is_sent(broker: Broker, file: Path) -> None:
    file.write_text(file.read_text().replace(",0\n", ",nein\n").replace(",1\n", ",ja\n"), encoding="utf-8")
    assert isinstance(replay(file).exception, MappingError)
    assert broker.messages() == []


def test_a_simulation_that_broke_off_goes_on_where_the_topics_end(broker: Broker) -> None:
    assert run(*SIMULATE).exit_code == 0
    whole = broker.messages()
    assert newest() == {"source": "simulator", "complete": True, "held_back_left": None, "label_delay_days": None}
    broker.empty()
    broker.takes = 60
    assert isinstance(run(*SIMULATE).exception, DeliveryError)
    assert newest()["complete"] is False
    broker.takes = None
    assert run(*SIMULATE).exit_code == 0
    assert newest()["complete"] is True
    assert broker.messages() == whole


def test_the_world_of_another_version_of_the_simulator_is_not_gone_on_with(broker: Broker) -> None:
    broker.takes = 60
    run(*SIMULATE)
    broker.takes = None
    remembered = load_settings().fraud_producer_ledger_dir / "source.json"
    stored = json.loads(remembered.read_text())
    remembered.write_text(json.dumps({**stored, "world_version": stored["world_version"] - 1}))
    before = broker.messages()
    refused = run(*SIMULATE).exception
    assert isinstance(refused, SourceError)
    assert "of another version of the simulator" in str(refused)
    assert "FRESH=1" in str(refused)
    assert broker.messages() == before
    # of empty topics nothing is left to go on with
    broker.empty()
    assert run(*SIMULATE).exit_code == 0


def test_live_payments_do_not_make_a_broken_history_complete(broker: Broker) -> None:
    broker.takes = 60
    run(*SIMULATE)
    send_live(5)
    assert newest()["complete"] is False


def test_an_endless_stream_into_empty_topics_is_the_beginning_of_a_history(broker: Broker) -> None:
    send_live(5)
    assert newest()["complete"] is False
    assert newest()["source"] == "simulator"
