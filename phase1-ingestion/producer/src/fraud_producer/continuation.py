"""Going on where the topics end: which world fills them, and which of its events are there already."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer.errors import SourceError
from fraud_producer.events import Event
from fraud_producer.positions import Positions, read_positions
from fraud_producer.settings import Settings
from fraud_producer.simulator import SimulationConfig, World, build_world, events, simulate
from fraud_producer.simulator.kinds.derivation import topics_sent
from fraud_producer.simulator.kinds.minute_tick import tick_events
from fraud_producer.source import read_source, write_source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Continuation:
    """A simulated world and how far the topics hold it."""

    world: World
    positions: dict[str, Positions]

    def events(self, until_us: int | None = None, *, minute_tick: bool = False) -> Iterator[Event]:
        """The events before ``until_us`` that the topics do not hold yet, in the order of their time.

        A producer that was killed left gaps near the end, different ones in each partition: the world is simulated
        again from the last moment that is complete everywhere, and what a partition holds already is left out. With
        ``minute_tick`` every whole minute has at least one event of each kind that the world has.
        """
        sent = topics_sent(self.world.config)
        complete = [position.complete_until for name, position in self.positions.items() if name in sent]
        since = self.world.config.start_us if None in complete else min(c for c in complete if c is not None)
        for block in simulate(self.world, since, until_us):
            found = events(self.world, block)
            if minute_tick:
                found = merge(found, tick_events(self.world, block), key=lambda event: event.event_us)
            for event in found:
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
        SourceError: the topics hold a replayed file, the world of another version of the simulator, or another
            simulation than ``wanted``.
    """
    positions = {topic.name: _positions(settings, topic.name) for topic in RAW_TOPICS}
    stored = read_source(settings.fraud_producer_ledger_dir)
    newest = positions[TRANSACTIONS.name].newest
    if newest is None:
        config = wanted
    elif stored is None:
        # payments of an unknown sender: the simulated clock goes on after them
        config = replace(wanted, start_us=newest + 1)
        positions = {name: replace(position, newest_us={}) for name, position in positions.items()}
    else:
        config = stored.simulation()
    differs = replace(config, start_us=0) != replace(wanted, start_us=0)
    if exactly and differs:
        raise SourceError(
            f"{TRANSACTIONS.name} holds a simulation with {_settings_text(config)}, not {_settings_text(wanted)}: "
            "use the same settings, or start over with FRESH=1 or `make clean`"
        )
    if differs:
        log.info("going on with the simulation of %s, not with %s", _settings_text(config), _settings_text(wanted))
    # a stream goes on with the history that it found; where it found none, it is at the beginning of one
    whole = not exactly and newest is not None and stored is not None and stored.complete
    write_source(settings.fraud_producer_ledger_dir, config, complete=whole)
    return Continuation(build_world(config, settings.card_hasher()), positions)


def _positions(settings: Settings, topic: str) -> Positions:
    return read_positions(settings.kafka_bootstrap_servers, settings.schema_registry_url, topic)


def _settings_text(config: SimulationConfig) -> str:
    factors = {
        "sign-ins": config.login_rate,
        "card events": config.card_rate,
        "profile changes": config.kyc_rate,
        "alerts": config.alert_rate,
    }
    unusual = "".join(f", {name} times {factor:g}" for name, factor in factors.items() if factor != 1)
    return (
        f"seed {config.seed}, {config.customers} customers, {config.transactions_per_day:g} payments a day "
        f"and fraud rate {config.fraud_rate:g}{unusual}"
    )
