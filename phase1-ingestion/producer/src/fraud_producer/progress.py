"""Progress on standard error: a bar for a person, a plain line now and then for a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Report = Callable[[float, str], None]
_LINE_EVERY_SECONDS: Final = 3.0


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Yields a function that takes the share done (0 to 1) and a short text; what it took last stays to be read."""
    console = Console(stderr=True)
    with _bar(title, console) if console.is_terminal else _lines(title) as report:
        yield report


@contextmanager
def _bar(title: str, console: Console) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=1.0, text="")
        yield lambda share, text: bar.update(task, completed=share, text=text)


@contextmanager
def _lines(title: str) -> Iterator[Report]:
    said_at = time.monotonic()
    unsaid = ""

    def say() -> None:
        nonlocal unsaid
        sys.stderr.write(unsaid)
        sys.stderr.flush()
        unsaid = ""

    def report(share: float, text: str) -> None:
        nonlocal said_at, unsaid
        unsaid = f"{title}: {share:4.0%}  {text}\n"
        now = time.monotonic()
        if now - said_at >= _LINE_EVERY_SECONDS:
            said_at = now
            say()

    try:
        yield report
    finally:
        # a file that is read to its end is not sent to its end yet: only here it is known which line was the last
        say()
