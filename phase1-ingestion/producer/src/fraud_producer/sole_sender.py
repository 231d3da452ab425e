"""Only one process at a time sends a simulated world: two would send every event of it twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fraud_producer.errors import SourceError

_FILE: Final = "sender.lock"


@contextmanager
def sole_sender(directory: Path) -> Iterator[None]:
    """Holds the ledger's directory for this process; whoever held it and was killed holds it no longer.

    Raises:
        SourceError: another process sends simulated events.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SourceError(
                f"process {file.read().strip() or 'unknown'} sends simulated events already, and each would be sent "
                "twice: end it first, the producer service with `make stop SERVICE=producer`"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
