"""Ending cleanly: SIGTERM and Ctrl-C ask for an end, and the loop that sends decides when."""

import signal
import threading
from types import FrameType
from typing import Any, Self


class Stop:
    """Remembers that somebody asked for an end.

    As a context manager it takes SIGTERM and SIGINT, a second one of which ends the process at once, and gives them
    back to whoever had them before.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def requested(self) -> bool:
        return self._asked.is_set()

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as shells have it; 0 when nobody asked."""
        return 128 + self.signal_number if self.signal_number else 0

    def request(self) -> None:
        self._asked.set()

    def wait(self, seconds: float | None) -> bool:
        """Sleep, for ever without a number, but wake up for a request; returns whether there is one."""
        return self._asked.wait(seconds)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.signal_number = number
        self._asked.set()
        # the default action again: whoever asks twice does not want to wait for the flush
        signal.signal(number, signal.SIG_DFL)
