"""What the topics were filled from, remembered beside the ledger, so that live payments go on from the same world."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig

_FILE: Final = "source.json"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of somebody's own payments; from ``held_back_us`` on its rows are kept for live traffic."""

    file: str
    mapping: str
    held_back_us: int | None = None


Source = SimulationConfig | FileSource


def read_source(directory: Path) -> Source | None:
    """What was remembered in the ledger's directory, if anything.

    Raises:
        SourceError: the file cannot be understood.
    """
    path = directory / _FILE
    if not path.exists():
        return None
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind = stored.pop("kind")
        return SimulationConfig(**stored) if kind == "simulation" else FileSource(**stored)
    except (ValueError, KeyError, TypeError) as broken:
        raise SourceError(f"{path} is broken ({broken}): delete it, or start over with `make clean`") from broken


def write_source(directory: Path, source: Source) -> None:
    """Remember a source, replacing what was remembered before."""
    directory.mkdir(parents=True, exist_ok=True)
    kind = "simulation" if isinstance(source, SimulationConfig) else "file"
    path = directory / _FILE
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"kind": kind} | asdict(source)) + "\n", encoding="utf-8")
    draft.replace(path)
