"""A simulated world's payments and labels, handed out piece by piece."""

from collections.abc import Iterator
from itertools import chain
from typing import Final, Protocol

from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, build_world, events, simulate

NOBODYS_CARDS: Final = CardHasher(b"a key that hashes nobody's card")
"""For histories whose card numbers matter to nobody."""


class Events(Protocol):
    """Payments and labels of any make."""

    def until(self, moment_us: int) -> Iterator[Event]:
        """All events before a moment, in microseconds since 1970, that were not handed out yet."""
        ...


class Timeline:
    """The events of a world from its start on; each is handed out once, in the order of their times."""

    def __init__(self, config: SimulationConfig, hasher: CardHasher) -> None:
        world = build_world(config, hasher)
        self._events = chain.from_iterable(events(world, block) for block in simulate(world, config.start_us))
        # the first event of the next piece, once it has been seen
        self._waiting: Event | None = None

    def until(self, moment_us: int) -> Iterator[Event]:
        """All events before a moment, in microseconds since 1970, that were not handed out yet."""
        while True:
            event = self._waiting or next(self._events)
            if event.event_us >= moment_us:
                self._waiting = event
                return
            self._waiting = None
            yield event
