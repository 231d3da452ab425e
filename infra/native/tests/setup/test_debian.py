from pathlib import Path

import pytest

from fraud_native.setup.debian import Packages
from fraud_native.setup.outcome import StepError
from fraud_native.setup.processes import Processes
from fraud_native.setup.step import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work({}, Processes(), tmp_path / "log")


def program_that_prints(folder: Path, text: str) -> Path:
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    return program


def test_a_program_that_is_new_enough_is_left_as_it_is(tmp_path: Path, work: Work) -> None:
    program = program_that_prints(tmp_path, "Redis server v=7.0.15 sha=00000000:0")
    Packages().install("redis-server", program, "7.0", [])(work)
    assert not work.log.exists()


def test_a_program_that_is_too_old_is_named_with_its_package(tmp_path: Path, work: Work) -> None:
    program = program_that_prints(tmp_path, "Redis server v=6.0.16")
    with pytest.raises(StepError, match=r"6\.0\.16, but 7\.0 is needed") as caught:
        Packages().install("redis-server", program, "7.0", [])(work)
    assert caught.value.remedy == "upgrade the package redis-server"


def test_a_program_that_does_not_run_is_an_error(tmp_path: Path, work: Work) -> None:
    program = program_that_prints(tmp_path, "")
    with pytest.raises(StepError, match="does not answer"):
        Packages().install("redis-server", program, "7.0", [])(work)
