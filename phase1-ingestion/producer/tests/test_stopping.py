"""Who is asked to end notices it, and gives the signals back."""

import os
import signal
import subprocess
import sys

import pytest

from fraud_producer.stopping import Stop

NUMBERS = (signal.SIGTERM, signal.SIGINT)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in NUMBERS]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_a_request_with_the_exit_code_of_shells(number: signal.Signals) -> None:
    with Stop() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert stop.requested
    assert stop.exit_code == 128 + number


def test_the_handlers_from_before_are_back_however_the_block_ends() -> None:
    before = handlers()
    with Stop() as stop:
        assert handlers() != before
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
    assert handlers() == before
    with pytest.raises(RuntimeError), Stop():
        raise RuntimeError
    assert handlers() == before


def test_a_second_signal_ends_the_process() -> None:
    script = """
import os, signal
from fraud_producer.stopping import Stop
with Stop() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    stop.wait(5)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == -signal.SIGTERM
