"""One process sends the simulated world; one that was killed holds nobody up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud_producer.errors import SourceError
from fraud_producer.sole_sender import sole_sender

HOLD = "import sys; from pathlib import Path; from fraud_producer.sole_sender import sole_sender\n"
HOLD += "with sole_sender(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_a_second_sender_is_told_who_the_first_is(tmp_path: Path) -> None:
    with sole_sender(tmp_path / "ledger"):
        told = pytest.raises(SourceError, match=rf"process {os.getpid()} sends simulated events already")
        with told, sole_sender(tmp_path / "ledger"):
            pass
        with sole_sender(tmp_path / "another"):
            pass
    with sole_sender(tmp_path / "ledger"):
        pass


def test_a_sender_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(SourceError, match=f"process {other.pid}"), sole_sender(tmp_path):
        pass
    other.kill()
    other.communicate()
    with sole_sender(tmp_path):
        pass
