"""Going on with a file where killed runs ended: which of its events the broker holds already.

A run sends the file's events in one order, and a partition takes one sender's messages in order. So what arrived in a
partition is its first N events, N being what the ledger counts there; those that failed on the way are sent again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fraud_contracts import RAW_TOPICS
from fraud_producer.errors import SourceError
from fraud_producer.events import Event
from fraud_producer.partitioning import partition_of
from fraud_producer.reconciling import RECONCILED, read_lines
from fraud_producer.undelivered import Outcome, Undelivered


@dataclass(slots=True)
class Delivered:
    """What the ledger says of a replay's runs, by topic and partition; the ledger must have been reconciled before."""

    # messages that arrived, and the id and offset of the last of them
    arrived: Counter[tuple[str, int]] = field(default_factory=Counter)
    last: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    # ids of events that did not arrive, and of those that the dead letter topic took instead
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    dead: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path, runs: Iterable[str]) -> "Delivered":
        """Read the ledger files of these runs."""
        found = cls()
        runs = tuple(runs)
        for run in runs:
            for line in Undelivered(directory, run).read():
                if line.outcome is Outcome.DEAD_LETTER:
                    found.dead.setdefault(line.topic, set()).add(line.event_id)
                elif line.outcome is not Outcome.ARRIVED:
                    found.failed.setdefault(line.topic, {})[line.event_id] = line.key
        for topic in RAW_TOPICS:
            failed = found.failed.get(topic.name, {})
            for run in runs:
                for ending in (".csv", RECONCILED):
                    path = directory / topic.name / f"{run}{ending}"
                    for partition, offset, event_id in read_lines(path) if path.exists() else ():
                        place = topic.name, partition
                        found.arrived[place] += 1
                        found.last[place] = max(found.last.get(place, (-1, "")), (offset, event_id))
                        # failed in one run, arrived in a later one
                        failed.pop(event_id, None)
        return found

    def left(self, events: Iterable[Event], partitions: dict[str, int]) -> Iterator[Event]:
        """The events that did not arrive, in their order.

        Raises:
            SourceError: what arrived is not the beginning of these events.
        """
        settled = self.arrived.copy()
        for topic, failed in self.failed.items():
            settled.update((topic, partition_of(key, partitions[topic])) for key in failed.values())
        passed: Counter[tuple[str, int]] = Counter()
        unseen = {place: event_id for place, (_, event_id) in self.last.items()}
        nothing: dict[str, str] = {}
        for event in events:
            topic = event.topic.name
            if event.event_id in self.dead.get(topic, ()):
                continue
            place = topic, partition_of(event.key, partitions[topic])
            if passed[place] >= settled[place]:
                yield event
                continue
            passed[place] += 1
            if event.event_id in self.failed.get(topic, nothing):
                yield event
            elif unseen.get(place) == event.event_id:
                del unseen[place]
            if passed[place] == settled[place] and place in unseen:
                raise _misplaced(place, unseen[place])
        for place, event_id in unseen.items():
            raise _misplaced(place, event_id)

    @property
    def total(self) -> int:
        return self.arrived.total()


def _misplaced(place: tuple[str, int], event_id: str) -> SourceError:
    topic, partition = place
    return SourceError(
        f"{topic} holds {event_id} in partition {partition}, which is not where this file puts it: it was sent in "
        "part under other settings; start over with FRESH=1 or `make clean`"
    )


def require_held(delivered: Delivered, ends: dict[str, dict[int, tuple[int, int]]]) -> None:
    """The broker still reaches as far as the ledger says.

    Raises:
        SourceError: it was emptied or is another one.
    """
    for (topic, partition), (offset, event_id) in delivered.last.items():
        if offset >= ends[topic][partition][1]:
            raise SourceError(
                f"the ledger says that {topic} took {event_id} at {partition}/{offset}, but the broker ends before: it "
                "is another one, or was emptied; start over with FRESH=1 or `make clean`"
            )
