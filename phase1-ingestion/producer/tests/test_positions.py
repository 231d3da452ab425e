"""How far a topic reaches, and which of its newest events are there; the broker is a list of messages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer import positions
from fraud_producer.events import Event, to_us
from fraud_producer.partitioning import partition_of

PARTITIONS = 3
START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeMessage:
    def __init__(self, key: str, value: bytes) -> None:
        self._key, self._value = key, value

    def partition(self) -> int:
        return partition_of(self._key, PARTITIONS)

    def value(self) -> bytes:
        return self._value


class Anything:
    """Stands in for the registry, the topics and their reader."""

    messages = 0
    schema_text = None
    held: tuple[FakeMessage, ...] = ()

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> "Anything":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def partitions(self, _: str) -> int:
        return PARTITIONS

    def _by_partition(self) -> list[list[FakeMessage]]:
        return [[message for message in self.held if message.partition() == each] for each in range(PARTITIONS)]

    @property
    def filled(self) -> int:
        return sum(map(bool, self._by_partition()))

    @property
    def longest(self) -> int:
        return max(map(len, self._by_partition()))

    def last(self, count: int) -> list[FakeMessage]:
        return [message for held in self._by_partition() for message in held[-count:]]


class Words:
    """Decodes ``<field> <id> <minutes>``."""

    def __init__(self, _: Any) -> None:
        pass

    def decode(self, value: bytes) -> dict[str, Any]:
        field, name, minutes = value.decode().split(" ")
        return {"transaction_id": "of a label", field: name, "event_time": START + timedelta(minutes=int(minutes))}


def read(monkeypatch: pytest.MonkeyPatch, *held: FakeMessage) -> positions.Positions:
    monkeypatch.setattr(Anything, "held", held)
    for name in ("Registry", "Topics", "TopicReader"):
        monkeypatch.setattr(positions, name, Anything)
    monkeypatch.setattr(positions, "Decoder", Words)
    return positions.read_positions("nowhere", "nowhere", TRANSACTIONS.name)


def payment(name: str, minutes: int, key: str = "u1") -> FakeMessage:
    return FakeMessage(key, f"transaction_id {name} {minutes}".encode())


def event(name: str, minutes: int, key: str = "u1") -> Event:
    return Event(TRANSACTIONS, to_us(START + timedelta(minutes=minutes)), name, key, {})


def test_only_the_newest_moment_is_told_apart_by_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    # not in the order of time, as a file's history may be
    found = read(monkeypatch, payment("a", 1), payment("d", 5), payment("b", 3), payment("c", 5))
    assert found.newest == to_us(START + timedelta(minutes=5))
    assert list(found.newest_ids.values()) == [frozenset({"c", "d"})]
    held = [found.holds(event(name, minutes)) for name, minutes in (("x", 4), ("c", 5), ("d", 5), ("e", 5), ("f", 6))]
    assert held == [True, True, True, False, False]


def test_a_partition_without_messages_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, payment("a", 5))
    other = next(key for key in map(str, range(99)) if partition_of(key, PARTITIONS) not in found.newest_us)
    assert not found.holds(event("z", 0, other))
    assert found.complete_until is None


def test_foreign_bytes_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, FakeMessage("u1", b"label_id l1 5"), FakeMessage("u1", b"bytes"))
    assert list(found.newest_ids.values()) == [frozenset({"l1"})]


def test_messages_beside_the_sequence_say_nothing_of_how_far_it_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    # more of them than are looked at first
    beside = [payment(f"S-velocity_burst-1772000000000000-{number}-000", 60 + number) for number in range(250)]
    found = read(monkeypatch, payment("a", 1), payment("b", 2), *beside)
    assert found.newest == to_us(START + timedelta(minutes=2))
    assert found.messages == 0
    assert found.holds(event("b", 2))
    assert not found.holds(event("c", 3))


@pytest.mark.parametrize("name", [topic.id_field for topic in RAW_TOPICS])
def test_every_kind_is_known_by_its_own_id(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, FakeMessage("u1", f"{name} x1 5".encode()))
    assert list(found.newest_ids.values()) == [frozenset({"x1"})]
