"""The payments that come next, from whatever filled the topics."""

import logging
from collections.abc import Iterator
from pathlib import Path

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_producer.continuation import continue_simulation
from fraud_producer.errors import MappingError, SourceError
from fraud_producer.events import Event, iso
from fraud_producer.positions import Positions, read_positions
from fraud_producer.replay import FileReplay, FileSpan, load_mapping
from fraud_producer.settings import Settings
from fraud_producer.simulator import SimulationConfig, build_world, events, simulate
from fraud_producer.source import FileSource, read_source

log = logging.getLogger(__name__)


def live_events(
    settings: Settings, wanted: SimulationConfig, from_us: int | None, file: FileSource | None = None
) -> Iterator[Event]:
    """Payments and labels from a moment on, in the order of their time.

    They come from ``file`` if one is given, else from what filled the topics before: the file's rows that were held
    back, or the simulation's next days; else from the world ``wanted``.

    Args:
        settings: where the ledger is, and for ``from_us=None`` the broker and the registry.
        wanted: the simulation that is started where nothing was remembered.
        from_us: the first moment, in microseconds; None goes on where the topics end, in a file too.
        file: a file that was not remembered.

    Raises:
        SourceError: the file has no payments left, or another version of the simulator filled the topics.
        MappingError: the file and its mapping do not fit.
    """
    remembered = read_source(settings.fraud_producer_ledger_dir)
    source = None if remembered is None else remembered.source
    if file is not None and not (isinstance(source, FileSource) and source.file == file.file):
        yield from _rows_of(file, settings, from_us, is_history=False)
    elif isinstance(source, FileSource):
        yield from _rows_of(source, settings, from_us, is_history=True)
    elif from_us is None:
        yield from continue_simulation(settings, wanted, exactly=False).events()
    else:
        config = wanted if remembered is None else remembered.simulation()
        world = build_world(config, settings.card_hasher())
        for block in simulate(world, from_us):
            yield from events(world, block)


def rows_left(source: FileSource, settings: Settings, positions: dict[str, Positions]) -> list[Event]:
    """The events of a file from where its rows were held back that the topics do not hold, sorted by their time.

    The rows before are history, which was sent in the file's own order: positions say nothing of it. What follows is
    sent in the order of time.

    Raises:
        MappingError: the file and its mapping do not fit.
    """
    return [event for event in _sorted_rows(source, settings, source.held_back_us) if not _held(event, positions)]


def held_back_left(source: FileSource, settings: Settings, positions: dict[str, Positions]) -> int:
    """How many payments of a remembered file are left for live traffic; none where the file cannot be read any more.

    The file is read only once some of them were sent.
    """
    newest = positions[TRANSACTIONS.name].newest
    if source.held_back_us is None or not Path(source.file).exists():
        return 0
    if source.held_back is not None and (newest is None or newest < source.held_back_us):
        return source.held_back
    try:
        return sum(event.topic is TRANSACTIONS for event in rows_left(source, settings, positions))
    except MappingError as unreadable:
        log.warning("no payment is left for live traffic: %s", unreadable)
        return 0


def _held(event: Event, positions: dict[str, Positions]) -> bool:
    return positions[event.topic.name].holds(event)


def _sorted_rows(source: FileSource, settings: Settings, since_us: int | None) -> list[Event]:
    """The file's rows from a moment on, sorted: they are few, or nobody would play them live."""
    replay = FileReplay(Path(source.file), load_mapping(Path(source.mapping)), settings.card_hasher())
    return sorted(replay.events(FileSpan(), since_us=since_us), key=lambda event: event.event_us)


def _rows_of(source: FileSource, settings: Settings, from_us: int | None, *, is_history: bool) -> Iterator[Event]:
    after = ""
    left: list[Event] = []
    if from_us is None and is_history and source.held_back_us is None:
        pass  # all of it was history
    elif from_us is None:
        left = rows_left(source, settings, read_all_positions(settings))
    else:
        since = max(from_us, source.held_back_us or from_us)
        after = f" from {iso(since)} on"
        left = _sorted_rows(source, settings, since)
    if not any(event.topic is TRANSACTIONS for event in left):
        raise SourceError(
            f"{source.file} has no payments left{after} for live traffic: start over with FRESH=1, which replays it "
            "anew, and keep more rows with --hold-back if these were too few"
        )
    yield from left


def read_all_positions(settings: Settings) -> dict[str, Positions]:
    """How far each raw topic reaches, by its name."""
    return {
        topic.name: read_positions(settings.kafka_bootstrap_servers, settings.schema_registry_url, topic.name)
        for topic in RAW_TOPICS
    }
