"""What the topics were filled from, remembered beside the ledger, so that live payments go on from the same world."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fraud_contracts import TRANSACTIONS
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


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a command wrote down before it fed the topics."""

    source: Source
    # whether it came to its end
    complete: bool
    world_version: int

    def simulation(self) -> SimulationConfig:
        """The simulation that can be gone on with.

        Raises:
            SourceError: the topics hold somebody's own payments, or the world of another version of the simulator.
        """
        if isinstance(self.source, FileSource):
            raise SourceError(
                f"{TRANSACTIONS.name} holds payments of {self.source.file}: nothing is simulated into them; "
                "start over with FRESH=1 or `make clean`"
            )
        if self.world_version != WORLD_VERSION:
            raise SourceError(
                f"{TRANSACTIONS.name} holds payments of another version of the simulator, and its days cannot be gone "
                "on with: start over with FRESH=1 or `make clean`"
            )
        return self.source


def read_source(directory: Path) -> Remembered | None:
    """What was remembered in the ledger's directory, if anything.

    Raises:
        SourceError: the file cannot be understood.
    """
    path = directory / _FILE
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        kind = SimulationConfig if stored.pop("kind") == "simulation" else FileSource
        # the first ones were remembered without a version
        complete, version = bool(stored.pop("complete", True)), int(stored.pop("world_version", 1))
        return Remembered(kind(**stored), complete, version)
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise SourceError(f"{path} is broken ({broken}): delete it, or start over with `make clean`") from broken


def write_source(directory: Path, source: Source, *, complete: bool) -> None:
    """Remember a source, replacing what was remembered before; ``complete`` once all of its history is sent."""
    directory.mkdir(parents=True, exist_ok=True)
    kind = "simulation" if isinstance(source, SimulationConfig) else "file"
    about = {"kind": kind, "complete": complete, "world_version": WORLD_VERSION}
    path = directory / _FILE
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(about | asdict(source)) + "\n", encoding="utf-8")
    draft.replace(path)
