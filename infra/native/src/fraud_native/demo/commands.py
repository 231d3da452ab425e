"""Runs one console command of the project, shows what it says and keeps an eye on the stack meanwhile."""

import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

# how often the stack is looked at while a command runs
_WATCH_SECONDS = 2.0
_TAIL_LINES = 30
# a little longer than the producer's flush
_END_SECONDS = 40.0


class CommandError(RuntimeError):
    """A console command ended with an error; the message holds its last lines."""


class Commands:
    """Runs commands of the root environment with the environment of the running stack.

    Args:
        folder: where the commands are installed.
        env: the environment of the running stack.
        watch: called every two seconds while a command runs; what it raises ends the command.
        say: receives each line that a command prints to its standard error.
    """

    def __init__(
        self, folder: Path, env: dict[str, str], watch: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._env = env
        self._watch = watch
        self._say = say

    def run(self, *command: str) -> str:
        """Runs a command to its end and returns its standard output.

        Raises:
            CommandError: it exited with another code than 0.
        """
        with subprocess.Popen(
            [str(self._folder / command[0]), *command[1:]],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            output: list[str] = []
            tail: deque[str] = deque(maxlen=_TAIL_LINES)
            assert process.stdout is not None  # noqa: S101 - both are pipes
            assert process.stderr is not None  # noqa: S101

            def heard(line: str) -> None:
                tail.append(line)
                self._say(line)

            readers = [
                threading.Thread(target=_read, args=(process.stdout, output.append)),
                threading.Thread(target=_read, args=(process.stderr, heard)),
            ]
            for reader in readers:
                reader.start()
            try:
                while True:
                    try:
                        code = process.wait(timeout=_WATCH_SECONDS)
                        break
                    except subprocess.TimeoutExpired:
                        self._watch()
            except BaseException:
                _end(process)
                raise
            finally:
                for reader in readers:
                    reader.join(timeout=30)
        if code:
            raise CommandError(f"{' '.join(command)} exited with {code}\n" + "\n".join([*output[-_TAIL_LINES:], *tail]))
        return "\n".join(output)

    def json(self, *command: str) -> dict[str, Any]:
        """Runs a command whose output, or the last line of it, is a JSON object, and returns that object."""
        text = self.run(*command).strip()
        answer: dict[str, Any] = json.loads(text if text.startswith("{") else text.splitlines()[-1])
        return answer


def _end(process: subprocess.Popen[str]) -> None:
    """Asks a command to end, and ends it when it does not: its own flush must not hide why it was stopped."""
    process.terminate()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read(stream: IO[str], take: Callable[[str], None]) -> None:
    for line in stream:
        take(line.rstrip("\n"))
