"""Going on where the topics end: which world fills them, and which of its events are there already."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer.errors import SourceError
from fraud_producer.events import Event
from fraud_producer.positions import Positions, read_positions
from fraud_producer.settings import Settings
from fraud_producer.simulator import SimulationConfig, World, build_world, events, simulate
from fraud_producer.source import FileSource, is_complete, read_source, write_source


@dataclass(frozen=True, slots=True)
class Continuation:
    """A simulated world and how far the topics hold it."""

    world: World
    positions: dict[str, Positions]

    def events(self, until_us: int | None = None) -> Iterator[Event]:
        """The events before ``until_us`` that the topics do not hold yet, in the order of their time.

        A producer that was killed left gaps near the end, different ones in each partition: the world is simulated
        again from the last moment that is complete everywhere, and what a partition holds already is left out.
        """
        complete = [position.complete_until for position in self.positions.values()]
        since = self.world.config.start_us if None in complete else min(c for c in complete if c is not None)
        for block in simulate(self.world, since, until_us):
            for event in events(self.world, block):
                if not self.positions[event.topic.name].holds(event):
                    yield event


def continue_simulation(settings: Settings, wanted: SimulationConfig, *, exactly: bool) -> Continuation:
    """The simulation that the topics hold, or a new one as ``wanted`` when they are empty.

    Args:
        settings: where the broker, the registry and the ledger are.
        wanted: the world that would be started.
        exactly: refuse to go on with a world of other settings; its start may differ. The history counts as not
            complete until the caller has fed it.

    Raises:
        SourceError: the topics hold a replayed file, or another simulation than ``wanted``.
    """
    positions = {topic.name: _positions(settings, topic.name) for topic in RAW_TOPICS}
    stored = read_source(settings.fraud_producer_ledger_dir)
    newest = positions[TRANSACTIONS.name].newest
    if newest is None:
        config = wanted
    elif isinstance(stored, FileSource):
        raise SourceError(
            f"{TRANSACTIONS.name} holds payments of {stored.file}: nothing is simulated into them; "
            "start over with FRESH=1 or `make clean`"
        )
    elif stored is None:
        # payments of an unknown sender: the simulated clock goes on after them
        config = replace(wanted, start_us=newest + 1)
        positions = {name: replace(position, newest_us={}) for name, position in positions.items()}
    else:
        config = stored
    if exactly and replace(config, start_us=0) != replace(wanted, start_us=0):
        raise SourceError(
            f"{TRANSACTIONS.name} holds a simulation with {_settings_text(config)}, not {_settings_text(wanted)}: "
            "use the same settings, or start over with FRESH=1 or `make clean`"
        )
    # a stream goes on with the history that it found; where it found none, it is at the beginning of one
    whole = not exactly and newest is not None and is_complete(settings.fraud_producer_ledger_dir) is True
    write_source(settings.fraud_producer_ledger_dir, config, complete=whole)
    return Continuation(build_world(config, settings.card_hasher()), positions)


def _positions(settings: Settings, topic: str) -> Positions:
    return read_positions(settings.kafka_bootstrap_servers, settings.schema_registry_url, topic)


def _settings_text(config: SimulationConfig) -> str:
    return (
        f"seed {config.seed}, {config.customers} customers, {config.transactions_per_day:g} payments a day "
        f"and fraud rate {config.fraud_rate:g}"
    )
