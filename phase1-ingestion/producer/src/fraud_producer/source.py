"""What the topics were filled from, remembered beside the ledger, so that live payments go on from the same world."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig
from fraud_producer.simulator.config import WORLD_VERSION

_FILE: Final = "source.json"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of somebody's own payments; from ``held_back_us`` on its rows are kept for live traffic.

    ``held_back`` is how many those are, once the history before them was sent.
    """

    file: str
    mapping: str
    held_back_us: int | None = None
    held_back: int | None = None
    label_delay_days: float | None = None


Source = SimulationConfig | FileSource


def read_source(directory: Path) -> Source | None:
    """What was remembered in the ledger's directory, if anything.

    Raises:
        SourceError: the file cannot be understood.
    """
    stored = _read(directory)
    if stored is None:
        return None
    for name in ("complete", "world_version"):
        stored.pop(name, None)
    try:
        kind = stored.pop("kind")
        return SimulationConfig(**stored) if kind == "simulation" else FileSource(**stored)
    except (ValueError, KeyError, TypeError) as broken:
        raise _broken(directory, broken) from broken


def is_complete(directory: Path) -> bool | None:
    """Whether the command that fed the history came to its end; None when nothing is remembered.

    Raises:
        SourceError: the file cannot be understood.
    """
    stored = _read(directory)
    return None if stored is None else bool(stored.get("complete", True))


def is_of_this_world(directory: Path) -> bool:
    """Whether what was simulated before came from the world that is simulated now.

    Raises:
        SourceError: the file cannot be understood.
    """
    stored = _read(directory)
    # the first ones were remembered without a version
    return stored is None or stored.get("world_version", 1) == WORLD_VERSION


def write_source(directory: Path, source: Source, *, complete: bool) -> None:
    """Remember a source, replacing what was remembered before; ``complete`` once all of its history is sent."""
    directory.mkdir(parents=True, exist_ok=True)
    kind = "simulation" if isinstance(source, SimulationConfig) else "file"
    about = {"kind": kind, "complete": complete, "world_version": WORLD_VERSION}
    path = directory / _FILE
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(about | asdict(source)) + "\n", encoding="utf-8")
    draft.replace(path)


def _read(directory: Path) -> dict[str, Any] | None:
    path = directory / _FILE
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as broken:
        raise _broken(directory, broken) from broken
    if not isinstance(stored, dict):
        raise _broken(directory, "it is no object")
    return stored


def _broken(directory: Path, why: object) -> SourceError:
    return SourceError(f"{directory / _FILE} is broken ({why}): delete it, or start over with `make clean`")
