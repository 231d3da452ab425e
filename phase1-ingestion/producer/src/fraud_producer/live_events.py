"""The payments that come next, from whatever filled the topics."""

from collections.abc import Iterator
from pathlib import Path

from fraud_producer.continuation import continue_simulation
from fraud_producer.errors import SourceError
from fraud_producer.events import Event, iso
from fraud_producer.replay import FileReplay, FileSpan, load_mapping
from fraud_producer.settings import Settings
from fraud_producer.simulator import SimulationConfig, build_world, events, simulate
from fraud_producer.source import FileSource, Source, read_source


def live_events(
    settings: Settings, wanted: SimulationConfig, from_us: int | None, file: FileSource | None = None
) -> Iterator[Event]:
    """Payments and labels from a moment on, in the order of their time.

    They come from ``file`` if one is given, else from what filled the topics before: the file's rows that were held
    back, or the simulation's next days; else from the world ``wanted``.

    Args:
        settings: where the ledger is, and for ``from_us=None`` the broker and the registry.
        wanted: the simulation that is started where nothing was remembered.
        from_us: the first moment, in microseconds; None goes on where the topics end.
        file: a file that was not remembered.

    Raises:
        SourceError: the file has no payments left.
        MappingError: the file and its mapping do not fit.
    """
    source: Source | None = file or read_source(settings.fraud_producer_ledger_dir)
    if isinstance(source, FileSource):
        yield from _rows_of(source, settings, from_us)
    elif from_us is None:
        yield from continue_simulation(settings, wanted, exactly=False).events()
    else:
        world = build_world(source or wanted, settings.card_hasher())
        for block in simulate(world, from_us):
            yield from events(world, block)


def _rows_of(source: FileSource, settings: Settings, from_us: int | None) -> Iterator[Event]:
    """The file's rows from a moment on, sorted: they are few, or nobody would play them live."""
    since = max((moment for moment in (from_us, source.held_back_us) if moment is not None), default=None)
    replay = FileReplay(Path(source.file), load_mapping(Path(source.mapping)), settings.card_hasher())
    left = sorted(replay.events(FileSpan(), since_us=since), key=lambda event: event.event_us)
    if not left:
        after = f" from {iso(since)} on" if since is not None else ""
        raise SourceError(
            f"{source.file} has no payments left{after}: replay it anew (FRESH=1) and keep more rows with --hold-back"
        )
    yield from left
