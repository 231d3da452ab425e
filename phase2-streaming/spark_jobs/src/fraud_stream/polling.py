"""Asking sources that may be away, so that nobody who wants their answer ever waits for one.

An answer is not kept for as long as it takes to get the next: a source that failed, or has been silent for too long,
has no answer. Whoever publishes figures shows none then, rather than the last good ones, which would look well.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from fraud_stream.errors import StreamError

log = logging.getLogger(__name__)

T = TypeVar("T")

# How much longer than usual an answer may be on its way before the one before it counts as none.
PATIENCE_SECONDS = 20.0


class Source(Generic[T]):
    """One thing to ask, and what it said last."""

    def __init__(self, name: str, ask: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._expires = 0.0
        self._asked = threading.Event()
        self._problem = ""

    def refresh(self, pause: Callable[[float], float]) -> bool:
        """Ask now, and say whether it answered.

        ``pause`` tells from the seconds that an answer took after how many it will be asked again.
        """
        began = self._clock()
        answer = self._question()
        took = self._clock() - began
        with self._lock:
            self._answer = answer
            self._expires = self._clock() + pause(took) + max(PATIENCE_SECONDS, 2 * took)
        self._asked.set()
        return answer is not None

    def answer(self) -> T | None:
        """What it said last; None when it did not answer, or too long ago."""
        with self._lock:
            return self._answer if self._clock() < self._expires else None

    @property
    def was_asked(self) -> bool:
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Wait until it has been asked once, at most so long."""
        self._asked.wait(seconds)

    def _question(self) -> T | None:
        try:
            answer = self._ask()
        except StreamError as error:
            # an outage is one line, not one for every time it was asked
            if str(error) != self._problem:
                log.warning("%s", error)
            self._problem = str(error)
        except Exception as error:
            # a thread that dies in silence is worse than any answer it could have misread
            if repr(error) != self._problem:
                log.exception("%s gave an answer that was not understood", self.name)
            self._problem = repr(error)
        else:
            if self._problem:
                log.info("%s answers again", self.name)
            self._problem = ""
            return answer
        return None


class Poller:
    """Asks some sources one after the other, again and again, in a thread of its own."""

    def __init__(self, sources: Sequence[Source[Any]], pause: Callable[[float], float]) -> None:
        """``pause`` says from how long a round took how long to wait before the next one.

        One that failed says nothing about the next: it is taken to have cost nothing.
        """
        self._sources = sources
        self._pause = pause
        self._stop = threading.Event()
        names = "-".join(source.name for source in sources)
        # a daemon: the process need not wait for a source that takes its time to fail
        self._thread = threading.Thread(target=self._run, name=f"ask-{names}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the question at hand, which is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            answered = [source.refresh(self._pause) for source in self._sources]
            self._stop.wait(self._pause(time.monotonic() - began if all(answered) else 0))
