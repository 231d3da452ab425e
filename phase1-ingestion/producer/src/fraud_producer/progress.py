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
    """Yields a function that takes the share done (0 to 1) and a short text."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(title, console) as report:
            yield report
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str, console: Console) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=1.0, text="")
        yield lambda share, text: bar.update(task, completed=share, text=text)


def _lines(title: str) -> Report:
    said_at = time.monotonic()

    def report(share: float, text: str) -> None:
        nonlocal said_at
        now = time.monotonic()
        if share >= 1.0 or now - said_at >= _LINE_EVERY_SECONDS:
            said_at = now
            sys.stderr.write(f"{title}: {share:4.0%}  {text}\n")
            sys.stderr.flush()

    return report
