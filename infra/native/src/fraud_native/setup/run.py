"""Decides what has to be installed, and installs it: lanes side by side, the steps of a lane one after another."""

import fcntl
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final

from fraud_native import definition
from fraud_native.envfile import parse_env
from fraud_native.paths import ENV_EXAMPLE, cache
from fraud_native.setup import debian
from fraud_native.setup.outcome import InterruptedStepError, Outcome, SetupError, State, StepError
from fraud_native.setup.plan import all_steps, needed_for
from fraud_native.setup.processes import Processes
from fraud_native.setup.progress import Progress, failure_text
from fraud_native.setup.stamps import disk_usage, remove_tree
from fraud_native.setup.step import Lane, Step, Work

# from empty caches: what is kept, Go's and Maven's own caches, and what exists only while it is unpacked
_WANTED_BYTES: Final = 8 * 10**9
_HEARTBEAT_SECONDS: Final = 15.0


def run(phases: Iterable[int] = (), *, tests: bool = False, chaos: bool = False) -> list[Outcome]:
    """Installs whatever the services of these phases need and is not there yet.

    Args:
        phases: numbers of the phases; none: all of them.
        tests: also what only the project's own tests need.
        chaos: also what only the tests of faults need.

    Returns:
        What became of each step, in the order of the plan.

    Raises:
        SetupError: a step failed; the others were carried out nevertheless.
        UnknownServiceError: there is no such phase.
        KeyboardInterrupt: it was interrupted; everything that it had started has ended.
    """
    chosen = list(phases)
    services = definition.with_dependencies(definition.of_phases(chosen) if chosen else definition.services())
    versions = parse_env(ENV_EXAMPLE.read_text(encoding="utf-8"))
    steps = needed_for(all_steps(versions), services, tests=tests, chaos=chaos)
    progress = Progress()
    began = time.monotonic()
    missing = [step.name for step in steps if not step.is_done()]
    if not missing:
        progress.say(f"all {len(steps)} parts are there")
        return [Outcome(step.name, State.KEPT) for step in steps]
    progress.say(f"to check or install: {', '.join(missing)}")
    with _one_at_a_time(progress):
        _prepare(steps, progress)
        outcomes = Lanes(steps, versions, progress).run()
    progress.summary(outcomes, time.monotonic() - began)
    if any(outcome.state is State.FAILED for outcome in outcomes):
        raise SetupError(failure_text(outcomes, cache() / "log"))
    return outcomes


class Lanes:
    """Carries out steps, one thread per lane."""

    def __init__(self, steps: Sequence[Step], versions: Mapping[str, str], progress: Progress) -> None:
        self._steps = steps
        self._versions = versions
        self._progress = progress
        self._processes = Processes()
        self._outcomes: dict[str, Outcome] = {}

    def run(self) -> list[Outcome]:
        """Carries out all steps; a failed one keeps only those that need it from being tried.

        Raises:
            KeyboardInterrupt: it was interrupted.
        """
        lanes = [[step for step in self._steps if step.lane is lane] for lane in Lane]
        with _terminate_interrupts(), ThreadPoolExecutor(len(lanes)) as pool:
            futures = {pool.submit(self._run_lane, lane) for lane in lanes}
            try:
                self._watch(futures)
            except BaseException:
                self._progress.say("interrupted: ending what runs; what is complete is kept")
                self._processes.stop()
                raise
        return [self._outcomes[step.name] for step in self._steps]

    def _watch(self, futures: set[Future[None]]) -> None:
        waiting = futures
        while waiting:
            done, waiting = wait(waiting, timeout=_HEARTBEAT_SECONDS)
            for future in done:
                future.result()
            if not done:
                self._progress.heartbeat()

    def _run_lane(self, steps: Sequence[Step]) -> None:
        for step in steps:
            try:
                self._outcomes[step.name] = self._run_step(step)
            except InterruptedStepError:
                return

    def _run_step(self, step: Step) -> Outcome:
        unmet = [name for name in step.needs if self._outcomes[name].state in (State.FAILED, State.SKIPPED)]
        if unmet:
            return Outcome(step.name, State.SKIPPED, error=f"it needs {', '.join(unmet)}")
        if step.is_done():
            return Outcome(step.name, State.KEPT)
        self._progress.begin(step)
        began = time.monotonic()
        log = cache() / "log" / f"{step.name}.log"
        log.unlink(missing_ok=True)
        try:
            step.stamp.remove()
            step.action(Work(self._versions, self._processes, log))
            _check_outputs(step)
            step.stamp.write(step.key)
        except (StepError, OSError) as error:
            remedy = getattr(error, "remedy", "") or step.remedy
            outcome = Outcome(step.name, State.FAILED, time.monotonic() - began, error=str(error), remedy=remedy)
        else:
            size = disk_usage(step.outputs[0]) if step.outputs else 0
            outcome = Outcome(step.name, State.DONE, time.monotonic() - began, size)
        self._progress.end(step, outcome)
        return outcome


def _check_outputs(step: Step) -> None:
    if missing := [str(path) for path in step.outputs if not path.exists()]:
        raise StepError(f"it left no {', '.join(missing)}")


def _prepare(steps: Sequence[Step], progress: Progress) -> None:
    (cache() / "log").mkdir(parents=True, exist_ok=True)
    # what an interrupted run was writing
    for leftover in [*cache().glob("*.tmp"), *(cache() / "bin").glob("*.tmp")]:
        # bootstrap.sh may be at work on its own beside us
        if not leftover.name.startswith("uv-"):
            remove_tree(leftover)
    free = shutil.disk_usage(cache()).free
    if free < _WANTED_BYTES:
        wanted = _WANTED_BYTES / 1e9
        progress.say(f"only {free / 1e9:.1f} GB are free in {cache()}; from empty caches it takes {wanted:.0f}")
    if any(step.lane is Lane.DEBIAN and not all(path.exists() for path in step.outputs) for step in steps):
        debian.ask_for_password()


@contextmanager
def _one_at_a_time(progress: Progress) -> Iterator[None]:
    """Holds the lock of the cache; the kernel releases it whatever becomes of us."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "setup.lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("another set-up is running, waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _terminate_interrupts() -> Iterator[None]:
    """Lets a SIGTERM end us as Ctrl-C does."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
