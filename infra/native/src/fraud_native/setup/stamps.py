"""Remembers what an installed part was made from."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


def key_of(facts: Mapping[str, str], files: Iterable[Path] = ()) -> str:
    """One hash over names and values (versions) and the content of files (poms, locks)."""
    digest = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A small file beside the parts; it is written last, so that its presence means that the part is complete."""

    file: Path

    def matches(self, key: str, outputs: Iterable[Path]) -> bool:
        """Whether the part was made from exactly this and is still there."""
        try:
            return self.file.read_text(encoding="utf-8").strip() == key and all(path.exists() for path in outputs)
        except FileNotFoundError:
            return False

    def write(self, key: str) -> None:
        """Declares the part complete."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f"{self.file.name}.tmp")
        partial.write_text(f"{key}\n", encoding="utf-8")
        partial.replace(self.file)

    def remove(self) -> None:
        """Declares the part unfinished."""
        self.file.unlink(missing_ok=True)


def move_into_place(fresh: Path, target: Path) -> None:
    """Gives a finished folder or file its final name; what had that name before is deleted."""
    if target.is_dir():
        # a rename cannot replace a folder that is not empty
        old = target.with_name(f"{target.name}.old.tmp")
        remove_tree(old)
        target.rename(old)
        fresh.rename(target)
        remove_tree(old)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(target)


def remove_tree(path: Path) -> None:
    """Deletes a folder or file if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def disk_usage(path: Path) -> int:
    """Bytes of a file or folder; hard links within it count once."""
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    seen: dict[int, int] = {}
    for entry in path.rglob("*"):
        if entry.is_file() and not entry.is_symlink():
            status = entry.stat()
            seen[status.st_ino] = status.st_size
    return sum(seen.values())
