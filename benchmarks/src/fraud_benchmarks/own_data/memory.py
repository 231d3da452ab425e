"""How much memory the machine needs while something runs on it."""

import threading
from types import TracebackType
from typing import Final, Self

import psutil

_EVERY_SECONDS: Final = 1.0


class PeakMemory:
    """The most memory that was in use at once during a ``with`` block, in bytes, beyond what was in use before it.

    Asked of the machine every second, so it counts whatever runs there, each shared page once and no page cache.
    """

    def __init__(self) -> None:
        self._before = _in_use()
        self._most = self._before
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    @property
    def bytes(self) -> int:
        """So far."""
        return self._most - self._before

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self._most = max(self._most, _in_use())


def _in_use() -> int:
    memory = psutil.virtual_memory()
    return int(memory.total - memory.available)
