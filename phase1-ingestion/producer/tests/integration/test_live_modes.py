"""Streams, bursts and cases on the real broker: all six kinds arrive, decode, are in the ledger and come once."""

import csv
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fraud_contracts import EXTERNAL_ALERTS, LABELS, LOGINS, RAW_TOPICS, TRANSACTIONS
from fraud_producer.cli import app
from fraud_producer.continuation import Continuation
from fraud_producer.positions import Positions
from fraud_producer.settings import load_settings
from fraud_producer.side_events import is_side_id
from fraud_producer.simulator import build_world
from fraud_producer.source import read_source

pytestmark = pytest.mark.integration

Start = Callable[..., "subprocess.Popen[str]"]
# a hundred payments a day: weeks pass in seconds, and labels with them
SMALL = ("--customers", "60", "--fraud-rate", "0.15", "--seed", "4")
HISTORY = ("simulate", "--days", "20", "--end", "2026-03-02T00:00:00Z", "--transactions", "2000", *SMALL)
ON = ("--no-minute-tick", "--alert-workers", "2")


@pytest.fixture(autouse=True)
def emptied(kafka: Any) -> Iterator[None]:
    yield
    kafka.empty()


def done(process: "subprocess.Popen[str]", code: int = 0) -> str:
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == code, complaints[-3000:]
    return said


def in_ledger(environment: dict[str, str]) -> dict[tuple[str, int, int], str]:
    found = {}
    for path in Path(environment["FRAUD_PRODUCER_LEDGER_DIR"]).glob("*.raw/*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if "offset" in row:
                    found[path.parent.name, int(row["partition"]), int(row["offset"])] = row["id"]
    return found


def by_topic(stored: dict[tuple[str, int, int], str]) -> Counter[str]:
    return Counter(topic for topic, _, _ in stored)


def require_the_world_without_gaps(environment: dict[str, str], stored: dict[tuple[str, int, int], str]) -> None:
    """The topics hold what the remembered world sends first, each event of it once."""
    remembered = read_source(Path(environment["FRAUD_PRODUCER_LEDGER_DIR"]))
    assert remembered is not None
    world = build_world(remembered.simulation(), load_settings().card_hasher())
    nothing = {topic.name: Positions(topic.name, topic.partitions, 0, {}) for topic in RAW_TOPICS}
    own = Counter(name for name in stored.values() if not is_side_id(name))
    expected = [event.event_id for event in islice(Continuation(world, nothing).events(), own.total())]
    assert {name: count for name, count in own.items() if count > 1} == {}
    assert set(expected) - set(own) == set()
    assert set(own) - set(expected) == set()


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_a_stream_sends_all_six_kinds_and_goes_on_where_the_topics_end(
    kafka: Any, start: Start, environment: dict[str, str], settings: None
) -> None:
    done(start(*HISTORY))
    history = by_topic(kafka.ids())
    said = json.loads(done(start("simulate", "--mode", "stream", "--rate", "200", "--duration", "5", *SMALL, *ON)))
    stored = kafka.ids()
    sent = by_topic(stored) - history
    assert {name for name, count in sent.items() if count} == {topic.name for topic in RAW_TOPICS}
    # the first of those seconds goes into what the world remembers
    assert 300 < sent[TRANSACTIONS.name] <= 1010
    assert said["produced"] == dict(sorted(sent.items()))
    assert in_ledger(environment) == stored
    require_the_world_without_gaps(environment, stored)


@pytest.mark.slow
def test_a_real_clock_runs_like_the_wall_s_until_ctrl_c(kafka: Any, start: Start, environment: dict[str, str]) -> None:
    seconds, rate = 60, 10
    stream = start("simulate", "--mode", "stream", "--clock", "real", "--rate", str(rate), "--days", "1", "--seed", "4")
    wait_for(lambda: kafka.messages() > 0)
    time.sleep(seconds)
    stream.send_signal(signal.SIGINT)
    asked = time.monotonic()
    said = json.loads(done(stream))
    assert time.monotonic() - asked < 5
    stored = kafka.ids()
    assert sum(said["produced"].values()) == len(stored)
    assert in_ledger(environment) == stored
    first, last = (datetime.fromisoformat(said[name]) for name in ("first_event_time", "last_event_time"))
    assert abs((last - first).total_seconds() - seconds) < 5
    payments = said["produced"][TRANSACTIONS.name]
    print(f"{payments} payments, {len(stored)} messages in {seconds} s")
    # the rate is that of a day, and hours differ
    assert 0.1 * rate * seconds < payments < 3 * rate * seconds


def test_a_burst_of_so_many_payments_is_as_many_and_has_reactive_alerts(
    kafka: Any, start: Start, environment: dict[str, str]
) -> None:
    done(start("simulate", "--mode", "burst", "--count", "3000", "--days", "30", *SMALL, "--alert-workers", "1"))
    stored = kafka.ids()
    assert by_topic(stored)[TRANSACTIONS.name] == 3000
    alerts = [name for (topic, _, _), name in stored.items() if topic == EXTERNAL_ALERTS.name]
    assert any(name.startswith("R-velocity-") for name in alerts)
    assert len(set(stored.values())) == len(stored)
    assert in_ledger(environment) == stored


def test_a_stream_with_the_minute_tick_has_each_kind_in_each_minute(kafka: Any, start: Start) -> None:
    done(
        start(
            *("simulate", "--mode", "stream", "--rate", "300", "--count", "900", "--days", "2", "--minute-tick"),
            *("--customers", "60", "--alert-workers", "0"),
        )
    )
    counts = by_topic(kafka.ids())
    # 900 payments of a world of 5,000 a day with one at least a minute
    assert counts[TRANSACTIONS.name] == 900
    assert all(count > 100 for name, count in counts.items() if name != LABELS.name)
    assert counts[LABELS.name] > 100


def test_a_case_arrives_beside_a_running_stream_and_holds_nothing_up(
    kafka: Any, start: Start, environment: dict[str, str], settings: None
) -> None:
    done(start(*HISTORY))
    stream = start("simulate", "--mode", "stream", "--rate", "50", "--duration", "25", *SMALL, *ON)
    before = kafka.messages()
    wait_for(lambda: kafka.messages() > before + 100)
    said = done(start("scenario", "brute_force_login", "--user", "U0042"))
    assert stream.poll() is None, "the stream was over before the case came"
    done(stream)
    # it goes on as if there had been no case
    done(start("simulate", "--mode", "burst", "--count", "100", *SMALL, "--alert-workers", "0"))
    stored = kafka.ids()
    case = {name for name in stored.values() if is_side_id(name) and "brute_force_login" in name}
    assert case == {name for name in said.split() if is_side_id(name)}
    assert "U0042" in said.splitlines()[0]
    assert "its labels become known at 2026-" in said
    kinds = Counter(topic for (topic, _, _), name in stored.items() if name in case)
    assert kinds[TRANSACTIONS.name] >= kinds[LABELS.name] > 0
    assert kinds[LOGINS.name] > 5
    assert in_ledger(environment) == stored
    require_the_world_without_gaps(environment, stored)


def test_two_cases_in_a_row_are_two(kafka: Any, start: Start) -> None:
    done(start(*HISTORY))
    for _ in range(2):
        done(start("scenario", "velocity_burst"))
    stored = kafka.ids()
    assert len(set(stored.values())) == len(stored)
    assert len({name.rpartition("-")[0] for name in stored.values() if name.startswith("S-velocity_burst-")}) == 2


def test_a_case_needs_payments(start: Start) -> None:
    process = start("scenario", "velocity_burst")
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "holds no payments, so there is no moment for a case" in complaints


def test_nobody_sends_the_world_twice(start: Start) -> None:
    stream = start("simulate", "--mode", "stream", "--rate", "20", "--duration", "15", "--days", "1", *SMALL)
    assert stream.stderr is not None
    for line in stream.stderr:
        if "sending by clock" in line:
            break
    burst = start("simulate", "--mode", "burst", "--count", "10", *SMALL)
    _, complaints = burst.communicate(timeout=60)
    assert burst.returncode == 1
    assert f"process {stream.pid} sends simulated events already" in complaints
    stream.terminate()
    assert stream.wait(30) == 0


def test_the_menu_sends_a_history(kafka: Any, settings: None) -> None:
    # a history of one day and 120 payments, with 30 customers and everything else as usual
    answers = ["1", "1", "120", "y", "5", "30", *[""] * 7]
    ran = CliRunner().invoke(app, ["menu"], input="\n".join(answers) + "\n")
    assert ran.exit_code == 0, ran.output
    assert "--customers is 5: it must be greater than or equal to 10" in ran.output
    assert 80 < by_topic(kafka.ids())[TRANSACTIONS.name] < 180


def test_the_menu_sends_a_burst_and_then_a_case(kafka: Any, settings: None) -> None:
    burst = CliRunner().invoke(app, ["menu"], input="3\n2\nn\n")
    assert burst.exit_code == 0, burst.output
    before = kafka.ids()
    assert by_topic(before)[TRANSACTIONS.name] > 0
    case = CliRunner().invoke(app, ["menu"], input="4\nvelocity_burst\n\n")
    assert case.exit_code == 0, case.output
    added = {name for place, name in kafka.ids().items() if place not in before}
    assert added
    assert all("velocity_burst" in name and name in case.output for name in added)


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
