"""Progress is a bar on a terminal; elsewhere it is a line every few seconds and one at the end."""

import os
import select
import sys

import pytest

from fraud_producer import progress as progressing
from fraud_producer.progress import progress


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progressing, "time", made)
    return made


def test_a_log_gets_a_line_every_three_seconds_however_often_it_is_told(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("payments.csv") as report:
        for number in range(1, 1001):
            clock.now += 0.01
            report(number / 1000, f"{number} rows")
        while_running = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in while_running] == ["payments.csv"] * 3
    assert while_running[0].split() == ["payments.csv:", "30%", "300", "rows"]
    assert capsys.readouterr().err == "payments.csv: 100%  1000 rows\n"


def test_what_is_read_to_its_end_and_still_being_sent_fills_no_log(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("small.csv") as report:
        for number in range(250):
            clock.now += 0.25
            report(1.0, f"{number} rows")
    *lines, last = capsys.readouterr().err.splitlines()
    assert len(lines) == 250 * 0.25 // 3
    assert last == "small.csv: 100%  249 rows"


def test_the_last_line_says_how_far_it_came(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    def break_off() -> None:
        with progress("payments.csv") as report:
            report(0.42, "420 rows")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert capsys.readouterr().err == "payments.csv:  42%  420 rows\n"


def test_the_last_line_is_written_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("payments.csv") as report:
        clock.now += 5
        report(1.0, "all")
    assert capsys.readouterr().err == "payments.csv: 100%  all\n"


def test_nothing_told_is_nothing_said(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("payments.csv"):
        pass
    assert capsys.readouterr().err == ""


def test_a_person_sees_a_bar_with_percent_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    shown, terminal = os.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with progress("payments.csv") as report:
            report(0.42, "420 rows")
            report(1.0, "1000 rows")
        monkeypatch.undo()
        seen = ""
        # the terminal hands over what was written in pieces; if it says nothing of the kind, no more comes
        while "1000 rows" not in seen and select.select([shown], [], [], 10)[0]:
            seen += os.read(shown, 65_536).decode()
    # what stays, after the last time that the line was erased
    last = seen.rpartition("\x1b[2K")[2]
    os.close(shown)
    assert "payments.csv" in last
    assert "100%" in last
    assert "1000 rows" in last
    assert "420 rows" not in last
