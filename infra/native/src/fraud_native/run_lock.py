"""One command at a time may change a stack; the others wait for it."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fraud_native.paths import Stack


@contextmanager
def exclusive(stack: Stack, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the stack's lock; says so when it has to wait. The lock is gone with the process that holds it."""
    stack.run.mkdir(parents=True, exist_ok=True)
    with (stack.run / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  waiting for another command that is starting or stopping services")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
