"""What is remembered of a file that is being sent, so that a run that was killed is gone on with.

``<ledger>/replays/<digest>.json`` names the runs that have sent of it; the ledger says which of their messages arrived.
The digest is of the file's content, the mapping and what was asked for: another file is another replay.
"""

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from fraud_producer.errors import LedgerError, SourceError

FOLDER: Final = "replays"
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """The runs so far, oldest first, and what the first reading of the file found."""

    file: str
    complete: bool = False
    runs: tuple[str, ...] = ()
    rows: int = 0
    bad_rows: int = 0
    held_back_us: int | None = None
    is_scanned: bool = False


@dataclass(slots=True)
class Journal:
    """The remembered state of one replay; nobody else has it while it is open. Use it as a context manager.

    Raises:
        SourceError: on entering, another process is sending this file now.
        LedgerError: on entering, the state cannot be understood.
    """

    directory: Path
    file: Path
    digest: str
    state: State = field(init=False)
    _lock: IO[str] | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SourceError(f"{self.file.name} is being sent by another process: wait for it, or stop it") from None
        try:
            self.state = self._read()
        except LedgerError:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def broke_off(self) -> bool:
        """Whether a run began to send the file, and none came to its end."""
        return bool(self.state.runs) and not self.state.complete

    def start_over(self) -> None:
        """Forget the runs so far: all of the file will be sent, again if it was sent before."""
        self._write(State(str(self.file)))

    def scanned(self, rows: int, bad_rows: int, held_back_us: int | None) -> None:
        """Remember what reading the whole file found."""
        self._write(replace(self.state, rows=rows, bad_rows=bad_rows, held_back_us=held_back_us, is_scanned=True))

    def begin(self, run_id: str) -> None:
        """A run will send; written before its first message."""
        self._write(replace(self.state, runs=(*self.state.runs, run_id)))

    def finish(self) -> None:
        """All of the file was sent."""
        self._write(replace(self.state, complete=True))

    @property
    def _path(self) -> Path:
        return self.directory / FOLDER / f"{self.digest}.json"

    def _read(self) -> State:
        if not self._path.exists():
            return State(str(self.file))
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return State(**stored | {"runs": tuple(stored["runs"])})
        except (ValueError, TypeError, KeyError) as broken:
            raise LedgerError(
                f"{self._path} is broken ({broken}): delete it to send {self.file.name} from its beginning"
            ) from broken

    def _write(self, state: State) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(state)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self.state = state


def digest(file: Path, mapping: Path, *asked: object) -> str:
    """A name for sending this file with this mapping as it was asked for, the same wherever the file lies.

    Its name counts too: ids that are made for rows without one contain it.
    """
    found = hashlib.sha256()
    found.update(repr((file.name, mapping.read_bytes(), asked)).encode())
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()[:20]
