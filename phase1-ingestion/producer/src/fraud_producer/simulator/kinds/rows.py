"""Messages of one kind in the making: one array per field, in the order of event time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from fraud_contracts import Topic, field_names
from fraud_producer.events import Event
from fraud_producer.simulator.geography import Bools, Floats, Ints

Objects = npt.NDArray[np.object_]
# The fields of some messages by name; `event_time` and `cause_us` are always there, a field left out is null.
Part = dict[str, "Objects | Ints"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Messages of one topic, sorted by event time.

    ``cause_us`` is when that happened which a message follows from: messages about payments that were never sent are
    left out by it. ``columns`` holds the record's other fields by name.
    """

    topic: Topic
    event_time: Ints
    cause_us: Ints
    ids: Objects
    columns: dict[str, Objects]

    def __len__(self) -> int:
        return len(self.event_time)

    def take(self, rows: "Ints | Bools | slice") -> "Rows":
        """The messages at these positions, or where the mask is true."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Rows(self.topic, self.event_time[rows], self.cause_us[rows], self.ids[rows], columns)

    def events(self) -> Iterator[Event]:
        """The messages as events, in the order of their time."""
        names = field_names(self.topic)
        given = {self.topic.id_field: self.ids, "event_time": self.event_time} | self.columns
        fields = [given[name].tolist() if name in given else repeat(None) for name in names]
        key, moment, event_id = (
            names.index(name) for name in (self.topic.key_field, "event_time", self.topic.id_field)
        )
        # repeat() has no end: the shortest, a required field, says how many there are
        for values in zip(*fields, strict=False):
            record = dict(zip(names, values, strict=True))
            yield Event(self.topic, values[moment], values[event_id], values[key], record)


def rows_of(topic: Topic, prefix: str, parts: Sequence[Part]) -> Rows:
    """The parts together, sorted by time, with ids such as ``<prefix>-000123``."""
    sizes = [len(part["event_time"]) for part in parts]
    names = sorted({name for part in parts for name in part} - {"event_time", "cause_us"})
    event_time = _together([part["event_time"] for part in parts], np.int64)
    cause_us = _together([part["cause_us"] for part in parts], np.int64)
    order = np.argsort(event_time, kind="stable")
    columns = {}
    for name in names:
        values = [part.get(name, nothing(size)) for part, size in zip(parts, sizes, strict=True)]
        columns[name] = _together(values, np.object_)[order]
    ids = texts([f"{prefix}-{number:06d}" for number in range(len(order))])
    return Rows(topic, event_time[order], cause_us[order], ids, columns)


def _together(parts: Sequence[npt.NDArray[Any]], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate([part.astype(kind) for part in parts]) if parts else np.zeros(0, dtype=kind)


def texts(values: Sequence[Any]) -> Objects:
    """Any Python values as an array of objects."""
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


def same(value: Any, count: int) -> Objects:
    """One value for every message."""
    array = np.empty(count, dtype=np.object_)
    array[:] = value
    return array


def nothing(count: int) -> Objects:
    """Null for every message."""
    return same(None, count)


def or_null(values: Floats) -> Objects:
    """Numbers as objects; what is not a number becomes null."""
    objects = values.astype(np.object_)
    objects[np.isnan(values)] = None
    return objects


def pick(rng: np.random.Generator, shares: dict[str, float], count: int) -> Objects:
    """One of these texts for every message, by its share."""
    chosen = rng.choice(len(shares), count, p=np.array(list(shares.values())) / sum(shares.values()))
    picked: Objects = texts(list(shares))[chosen]
    return picked


def spread(rng: np.random.Generator, low: float, high: float, count: int, unit_us: int) -> Ints:
    """Durations between two numbers of a unit, in microseconds."""
    return (rng.uniform(low, high, count) * unit_us).astype(np.int64)
