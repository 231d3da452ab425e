import os
import signal
import threading
import time
from pathlib import Path

import pytest

from fraud_native.setup.outcome import State, StepError
from fraud_native.setup.progress import Progress, failure_text
from fraud_native.setup.run import Lanes
from fraud_native.setup.step import Lane, Step, Work


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "fraud-watch"
    (cache / "log").mkdir(parents=True)
    return cache


def step_that(name: str, lane: Lane, *script: str, output: Path, needs: tuple[str, ...] = ()) -> Step:
    def action(work: Work) -> None:
        work.processes.run(["bash", "-c", " ; ".join(script)], work.log)

    return Step(
        name=name,
        version="1",
        lane=lane,
        services=frozenset(),
        outputs=(output,),
        needs=needs,
        action=action,
        remedy="turn it off and on again",
    )


def test_a_step_is_done_once_and_kept_afterwards(own_cache: Path) -> None:
    output = own_cache / "a"
    step = step_that("a", Lane.GO, f"echo more >> {output}", output=output)
    assert [outcome.state for outcome in Lanes([step], {}, Progress()).run()] == [State.DONE]
    assert [outcome.state for outcome in Lanes([step], {}, Progress()).run()] == [State.KEPT]
    assert output.read_text() == "more\n"


def test_a_failed_step_skips_what_needs_it_and_nothing_else(own_cache: Path) -> None:
    steps = [
        step_that("broken", Lane.MAVEN, "echo the reason", "exit 3", output=own_cache / "broken"),
        step_that("needs-it", Lane.MAVEN, "true", output=own_cache / "needs", needs=("broken",)),
        step_that("same-lane", Lane.MAVEN, f"touch {own_cache}/same", output=own_cache / "same"),
        step_that("other-lane", Lane.GO, f"touch {own_cache}/other", output=own_cache / "other"),
    ]
    outcomes = Lanes(steps, {}, Progress()).run()
    assert [outcome.state for outcome in outcomes] == [State.FAILED, State.SKIPPED, State.DONE, State.DONE]
    text = failure_text(outcomes, own_cache / "log")
    for part in (
        "broken failed: bash exited with code 3",
        "the reason",
        "turn it off and on again",
        "needs-it was not",
    ):
        assert part in text


def test_a_step_that_leaves_nothing_has_failed(own_cache: Path) -> None:
    step = step_that("empty", Lane.GO, "true", output=own_cache / "nothing")
    (outcome,) = Lanes([step], {}, Progress()).run()
    assert outcome.state is State.FAILED
    assert "left no" in outcome.error
    assert not step.is_done()


def test_a_remedy_of_the_error_goes_before_that_of_the_step(own_cache: Path) -> None:
    def action(_work: Work) -> None:
        raise StepError("too old", "install a newer one")

    step = Step("check", "1", Lane.MAVEN, frozenset(), (), action, "general advice")
    (outcome,) = Lanes([step], {}, Progress()).run()
    assert outcome.remedy == "install a newer one"


def test_lanes_run_side_by_side(own_cache: Path) -> None:
    # each waits for the other's file: one after the other they would never end
    one, two = own_cache / "one", own_cache / "two"
    steps = [
        step_that("one", Lane.GO, f"touch {one}", f"until [ -e {two} ]; do sleep 0.02; done", output=one),
        step_that("two", Lane.MAVEN, f"touch {two}", f"until [ -e {one} ]; do sleep 0.02; done", output=two),
    ]
    assert all(outcome.state is State.DONE for outcome in Lanes(steps, {}, Progress()).run())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_what_runs_and_leaves_no_stamp(own_cache: Path, number: signal.Signals) -> None:
    pid_file = own_cache / "pid"
    step = step_that("long", Lane.GO, f"echo $$ > {pid_file}", "sleep 300", output=own_cache)

    def interrupt() -> None:
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        Lanes([step], {}, Progress()).run()
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()
    assert not step.is_done()
