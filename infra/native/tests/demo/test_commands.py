"""Console commands as the demo runs them, with small shell scripts in their place."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from fraud_native.demo import commands
from fraud_native.demo.commands import CommandError, Commands


def script(folder: Path, text: str) -> str:
    file = folder / "one"
    file.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    file.chmod(0o700)
    return file.name


def nothing() -> None:
    """A stack in which all is well."""


def test_the_answer_is_the_last_line_and_what_is_said_meanwhile_is_passed_on(tmp_path: Path) -> None:
    heard: list[str] = []
    name = script(tmp_path, """echo working >&2; echo noise; echo '{"rows": 3}'""")
    assert Commands(tmp_path, {}, nothing, heard.append).json(name) == {"rows": 3}
    assert heard == ["working"]


def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    name = script(tmp_path, "echo the broker is away >&2; exit 3")
    with pytest.raises(CommandError, match=r"exited with 3\n(.*\n)*the broker is away"):
        Commands(tmp_path, {}, nothing, lambda _: None).run(name)


def test_a_command_that_does_not_end_when_asked_cannot_hide_why_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_WATCH_SECONDS", 0.3)
    monkeypatch.setattr(commands, "_END_SECONDS", 0.3)
    name = script(tmp_path, "trap '' TERM; echo $$ > pid; exec sleep 60 > /dev/null 2>&1")

    def kafka_died() -> None:
        raise RuntimeError("kafka has failed")

    with pytest.raises(RuntimeError, match="kafka has failed"):
        Commands(tmp_path, dict(os.environ), kafka_died, lambda _: None).run(name)
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_ctrl_c_ends_the_command_first(tmp_path: Path) -> None:
    name = script(
        tmp_path, f"trap 'echo flushed > {tmp_path}/flushed; exit 0' TERM; sleep 60 > /dev/null 2>&1 & wait $!"
    )
    main = threading.get_ident()

    def press() -> None:
        time.sleep(0.7)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        Commands(tmp_path, dict(os.environ), nothing, lambda _: None).run(name)
    assert (tmp_path / "flushed").exists()
