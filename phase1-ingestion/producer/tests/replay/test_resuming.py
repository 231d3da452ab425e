"""What arrived is left out and what failed is sent again, whichever part of each partition that is."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.errors import SourceError
from fraud_producer.events import Event
from fraud_producer.ledger import Ledger
from fraud_producer.partitioning import partition_of
from fraud_producer.replay.resuming import Delivered, require_held
from fraud_producer.undelivered import Outcome

PARTITIONS = {TRANSACTIONS.name: 3, LABELS.name: 2}


def event(number: int, user: int, *, is_label: bool) -> Event:
    return Event(LABELS if is_label else TRANSACTIONS, number, f"e{number}", f"u{user}", {})


EVENTS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60).map(
    lambda made: [event(number, user, is_label=is_label) for number, (user, is_label) in enumerate(made)]
)


class Broker:
    """Takes a run's events in order, some of them not, and notes offsets as Kafka would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[str] = []
        self._ends: dict[tuple[str, int], int] = {}

    def take(self, run: str, events: list[Event], reach: dict[tuple[str, int], int], fates: dict[str, str]) -> None:
        """Each partition takes as many events of the run as ``reach`` says; then the run is killed."""
        taken: dict[tuple[str, int], int] = {}
        with Ledger(self.folder, run) as ledger:
            for one in events:
                place = one.topic.name, partition_of(one.key, PARTITIONS[one.topic.name])
                taken[place] = taken.get(place, 0) + 1
                if taken[place] > reach.get(place, 0):
                    continue
                fate = fates.get(one.event_id, "arrives")
                if fate == "arrives":
                    offset = self._ends[place] = self._ends.get(place, -1) + 1
                    ledger.acknowledge(one.topic.name, place[1], offset, one.event_id)
                    self.held.append(one.event_id)
                else:
                    ledger.give_up(one.topic.name, one.key, one.event_id, Outcome(fate), "")
                    # a dead letter is in none of the topic's partitions
                    taken[place] -= fate == "dead_letter"


REACH = st.dictionaries(
    st.tuples(st.sampled_from(sorted(PARTITIONS)), st.integers(0, 2)), st.integers(0, 30), max_size=5
)
FATES = st.dictionaries(
    st.integers(0, 60).map(lambda number: f"e{number}"), st.sampled_from(["failed", "absent"]), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.lists(st.tuples(REACH, FATES), max_size=3))
def test_after_any_number_of_kills_every_event_is_sent_once(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[Event],
    kills: list[tuple[dict[tuple[str, int], int], dict[str, str]]],
) -> None:
    broker = Broker(tmp_path_factory.mktemp("ledger"))
    runs: list[str] = []
    for number, (reach, fates) in enumerate(kills):
        left = list(Delivered.read(broker.folder, runs).left(events, PARTITIONS))
        broker.take(f"run{number}", left, reach, fates)
        runs.append(f"run{number}")
    delivered = Delivered.read(broker.folder, runs)
    assert delivered.total == len(broker.held)
    left = list(delivered.left(events, PARTITIONS))
    assert sorted([*broker.held, *(one.event_id for one in left)]) == sorted(one.event_id for one in events)


def test_what_was_found_at_the_broker_later_counts_too(tmp_path: Path) -> None:
    events = [event(number, 1, is_label=False) for number in range(5)]
    place = TRANSACTIONS.name, partition_of("u1", 3)
    broker = Broker(tmp_path)
    broker.take("run0", events, {place: 2}, {})
    broker.take("run0.reconciled", events[2:], {place: 1}, {})
    left = Delivered.read(tmp_path, ["run0"]).left(events, PARTITIONS)
    assert [one.event_id for one in left] == ["e3", "e4"]


def test_what_the_dead_letter_topic_took_is_not_sent_again(tmp_path: Path) -> None:
    events = [event(number, 1, is_label=False) for number in range(5)]
    place = TRANSACTIONS.name, partition_of("u1", 3)
    Broker(tmp_path).take("run0", events, {place: 3}, {"e1": "dead_letter"})
    left = Delivered.read(tmp_path, ["run0"]).left(events, PARTITIONS)
    assert [one.event_id for one in left] == ["e4"]


def test_another_order_of_events_is_noticed(tmp_path: Path) -> None:
    events = [event(number, 1, is_label=False) for number in range(5)]
    Broker(tmp_path).take("run0", events, {(TRANSACTIONS.name, partition_of("u1", 3)): 3}, {})
    delivered = Delivered.read(tmp_path, ["run0"])
    with pytest.raises(SourceError, match=r"holds e2 in partition .* other settings; start over"):
        list(delivered.left([*events[3:], *events[:3]], PARTITIONS))
    with pytest.raises(SourceError, match="start over"):
        list(delivered.left(events[:1], PARTITIONS))


def test_a_broker_that_was_emptied_is_noticed(tmp_path: Path) -> None:
    events = [event(number, 1, is_label=False) for number in range(5)]
    partition = partition_of("u1", 3)
    Broker(tmp_path).take("run0", events, {(TRANSACTIONS.name, partition): 3}, {})
    delivered = Delivered.read(tmp_path, ["run0"])
    require_held(delivered, {TRANSACTIONS.name: {partition: (0, 3)}})
    with pytest.raises(SourceError, match="is another one, or was emptied; start over"):
        require_held(delivered, {TRANSACTIONS.name: {partition: (0, 2)}})
