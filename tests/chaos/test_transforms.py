"""F21: dbt is killed in a merge and in a full refresh, Trino inside a merge, and two runs are at work at once.

Before each fault late, repeated and corrected messages have arrived. What a normal run leaves after it, and what a
rebuild then leaves, is what a build that nothing ever disturbed makes of the same messages.
"""

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MODELS = Path(__file__).parents[2] / "phase3-transforms/dbt_project/models"
STRATEGY = re.compile(r"incremental_strategy='(\w+)'")
# from the harm until a normal run has ended
RUN_SECONDS = 180
TRINO_SECONDS = 300
# a run begins, and comes to the model
REACH_SECONDS = 180
DAY = 86_400
Contents = dict[str, tuple[int, str]]


def models_by_strategy() -> dict[str, list[str]]:
    """The incremental models, by the way in which they merge."""
    found: dict[str, list[str]] = {}
    for path in sorted(MODELS.rglob("*.sql")):
        for strategy in STRATEGY.findall(path.read_text(encoding="utf-8")):
            found.setdefault(strategy, []).append(path.stem)
    return found


MERGED = models_by_strategy()


@dataclass
class Arrivals:
    """Messages after the first history, drawn by the seed, the same for every lake."""

    lakes: ModuleType
    random: random.Random
    rounds: int = 0
    known: dict[str, Any] = field(default_factory=dict)
    verdicts: list[Any] = field(default_factory=list)
    logins: list[Any] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = dict(self.lakes.BY_ID)
        self.verdicts = list(self.lakes.FIRST_LABELS)
        self.offsets = {**self.lakes.NEXT, 2: 0}

    def send(self, *lakes: Any) -> None:
        """One more round: new and late payments, repetitions, other firsts, labels, corrections, logins, decisions."""
        self.rounds += 1
        payments = [*self._new(), *self._repeated(), *self._firsts()]
        labels = [*self._labels(), *self._corrections()]
        others = [*self._logins(), self._set_aside()]
        decided = [(payment.transaction_id, 6000.0 + 100 * self.rounds + n) for n, payment in enumerate(payments[:3])]

        def to(lake: Any) -> None:
            lake.receive(payments, labels)
            lake.receive_others(others)
            lake.decide(*decided)

        _side_by_side(*(partial(to, lake) for lake in lakes))

    def _next(self, partition: int) -> int:
        self.offsets[partition] += 1
        return self.offsets[partition]

    def _now(self) -> float:
        """The broker's minute: after all messages before."""
        return 4200.0 + 200 * self.rounds

    def _new(self) -> list[Any]:
        """Payments of which half happened days before they arrive."""
        made = []
        for number in range(20):
            now = self._now() + number
            minute = self.random.uniform(0, now) if number % 2 else now - 1
            user, partition = self.random.randrange(12), number % 3
            made.append(
                self.lakes.Payment(
                    f"R{self.rounds}-{number}",
                    user,
                    minute,
                    self.random.randrange(100, 90_000),
                    partition,
                    self._next(partition),
                    now,
                    self.random.randrange(1, 6),
                )
            )
        return self._keep(made)

    def _repeated(self) -> list[Any]:
        """Payments that are there, once more and with another amount: none of them counts."""
        return [
            payment._replace(
                cents=payment.cents + 999_999, partition=0, offset=self._next(0), arrived=self._now() + 100
            )
            for payment in self._some(5)
        ]

    def _firsts(self) -> list[Any]:
        """Of another user and moment, and taken by the broker before the ones of the same ids that landed first."""
        return self._keep(
            [
                payment._replace(
                    user=(payment.user + 1) % 12,
                    minute=payment.minute / 2,
                    partition=1,
                    offset=self._next(1),
                    arrived=payment.arrived - 0.25,
                )
                for payment in self._some(3)
            ]
        )

    def _labels(self) -> list[Any]:
        """Of payments that are there, with and without what the sender knows of them; one comes before its payment."""
        chosen = self._some(6)
        made = [
            self.lakes.Verdict(
                f"V{self.rounds}-{number}",
                payment.transaction_id,
                self._now() + number,
                number % 3 > 0,
                len(self.verdicts) + number + 1,
                payment if number % 2 else None,
            )
            for number, payment in enumerate(chosen)
        ]
        made[0] = made[0]._replace(transaction_id=f"R{self.rounds + 1}-0", payment=None)
        self.verdicts += made
        return made

    def _corrections(self) -> list[Any]:
        """The contrary of labels that are there, and one of them sent twice."""
        chosen = self.random.sample(self.verdicts, 4)
        made = [
            label._replace(
                label_id=f"K{self.rounds}-{number}" if number else label.label_id,
                minute=self._now() + 50 + number,
                is_fraud=not label.is_fraud,
                offset=len(self.verdicts) + number + 1,
            )
            for number, label in enumerate(chosen)
        ]
        self.verdicts += made
        return made

    def _logins(self) -> list[Any]:
        """One late, one of an id that is there and comes second, and one that the broker took before the first."""
        attempt, now = self.lakes.Attempt, self._now()
        late = attempt(f"A{self.rounds}", self.random.randrange(12), self.random.uniform(0, now), "FAILURE", 0, 0, now)
        self.logins.append(late)
        second, first = self.random.choice(self.logins), self.random.choice(self.logins)
        made = [
            late,
            second._replace(outcome="LOCKED", arrived=now + 1),
            first._replace(minute=first.minute / 2, outcome="SUCCESS", arrived=first.arrived - 0.25),
        ]
        # all by one partition, after the offsets of the first days
        return [one._replace(offset=10 * self.rounds + number) for number, one in enumerate(made)]

    def _set_aside(self) -> Any:
        return self.lakes.Other(self.lakes.LABELS, ["bad_magic_byte"], 0, 200_000 + self.rounds, self._now())

    def _some(self, count: int) -> list[Any]:
        return self.random.sample(list(self.known.values()), count)  # type: ignore[no-any-return]

    def _keep(self, payments: list[Any]) -> list[Any]:
        self.known |= {payment.transaction_id: payment for payment in payments}
        return payments


@dataclass
class Pair:
    """Two lakes that get the same messages; faults are done to the first."""

    harmed: Any
    calm: Any
    arrivals: Arrivals

    def send(self) -> None:
        """One more round of messages than the models have seen."""
        self.arrivals.send(self.harmed, self.calm)

    def judge(self) -> None:
        """Fails unless the harmed lake holds, and holds again after a rebuild, what a build from nothing makes."""
        after = self.harmed.contents()
        _side_by_side(*(partial(lake.dbt, "run", "--full-refresh") for lake in (self.calm, self.harmed)))
        undisturbed = self.calm.contents()
        assert all(count for count, _ in undisturbed.values()), undisturbed
        assert differing(after, undisturbed) == []
        assert differing(self.harmed.contents(), undisturbed) == []


def _side_by_side(*calls: Callable[[], object]) -> None:
    """Each of them waits for Trino most of the time."""
    with ThreadPoolExecutor(len(calls)) as aside:
        for done in [aside.submit(call) for call in calls]:
            done.result()


def drawn(chaos: Any) -> list[str]:
    """One model for each way of merging, in any order."""
    models = [chaos.random.choice(names) for names in MERGED.values()]
    chaos.random.shuffle(models)
    return models


def differing(contents: Contents, others: Contents) -> list[str]:
    assert contents.keys() == others.keys()
    return [
        f"{model}: {content} instead of {others[model]}"
        for model, content in contents.items()
        if content != others[model]
    ]


@pytest.fixture(scope="module")
def pair(stack: Any, lakes: ModuleType, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two lakes with the models of the first three days."""
    with (
        lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("harmed")) as harmed,
        lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("calm")) as calm,
    ):

        def build(lake: Any) -> None:
            lake.receive(lakes.FIRST, lakes.FIRST_LABELS)
            lake.receive_others(lakes.FIRST_OTHERS)
            lake.decide(("T1", 1000), ("T2", 2000))
            lake.dbt("build", "--exclude-resource-type", "test", "unit_test")

        _side_by_side(partial(build, harmed), partial(build, calm))
        yield Pair(harmed, calm, Arrivals(lakes, random.Random(f"{seed} arrivals")))


def merging(lake: Any, model: str) -> list[str]:
    """Ids of the merges into a model that Trino works on at this moment."""
    rows = lake.query(
        "select query_id, query from system.runtime.queries where state = 'RUNNING' and source like 'dbt-trino%'"
    )
    target = re.compile(rf'merge into\s+"delta"\."{lake.prefix}\w+"\."{model}"')
    return [query_id for query_id, query in rows if target.search(query)]


def wait_for_merge(handles: ModuleType, lake: Any, model: str, process: "subprocess.Popen[str]") -> None:
    """Waits until a merge into a model runs."""

    def runs() -> bool:
        found = merging(lake, model)
        assert found or process.poll() is None, f"dbt ended before a merge into {model} was seen"
        return bool(found)

    handles.wait_for(runs, REACH_SECONDS, f"a merge into {model}")


@pytest.mark.chaos("F21")
def test_runs_killed_in_the_middle_of_models_leave_what_the_next_one_needs(
    chaos: Any, record: Any, handles: ModuleType, pair: Pair
) -> None:
    models = drawn(chaos)
    for model in models:
        pair.send()
        process = pair.harmed.begin("run")
        wait_for_merge(handles, pair.harmed, model, process)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    pair.harmed.dbt("run")
    recovered = time.monotonic() - began
    pair.judge()
    record("F21", f"dbt killed in {', '.join(models)}", recovered, RUN_SECONDS, {})


@pytest.mark.chaos("F21")
def test_full_refreshes_killed_between_two_pieces_are_gone_on_with(chaos: Any, record: Any, pair: Pair) -> None:
    models = ["int_transactions", "mart_fraud_features", "mart_user_profile"]
    chaos.random.shuffle(models)
    for model in models:
        pair.send()
        # profiles take three times as many payments in a piece
        process = replace(pair.harmed, piece_rows=10).begin("run", "--full-refresh", "--select", f"{model}+")
        said = ""
        for line in process.stdout:
            said += line
            if f"{model}: piece 2 of" in line:
                break
        else:
            pytest.fail(f"dbt ended before a second piece of {model} began: {said[-3000:]}")
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    pair.harmed.dbt("run")
    recovered = time.monotonic() - began
    pair.judge()
    record("F21", f"full refreshes killed in {', '.join(models)}", recovered, RUN_SECONDS, {})


@pytest.mark.chaos("F21")
def test_the_shell_around_dbt_is_killed_and_dbt_keeps_the_lock(record: Any, handles: ModuleType, pair: Pair) -> None:
    pair.send()
    lake = pair.harmed
    process = lake.begin("run")
    wait_for_merge(handles, lake, "int_transactions", process)
    began = time.monotonic()
    process.kill()
    following = lake.begin("run")
    # the first one's output ends with dbt itself, which is nobody's child now
    orphan, _ = process.communicate(timeout=300)
    said, _ = following.communicate(timeout=600)
    recovered = time.monotonic() - began
    assert process.returncode == -signal.SIGKILL
    assert "Completed successfully" in orphan, orphan
    assert following.returncode == 0, said
    assert pause(orphan, said) >= 0, orphan + said
    pair.judge()
    record("F21", "only the shell around dbt killed", recovered, RUN_SECONDS, {})


@pytest.mark.chaos("F21")
def test_trino_killed_inside_merges_leaves_what_the_next_run_needs(
    chaos: Any, record: Any, stack: Any, signals: ModuleType, handles: ModuleType, pair: Pair
) -> None:
    models = drawn(chaos)
    for model in models:
        pair.send()
        trino = signals.listener(stack.env["TRINO_URL"])
        process = pair.harmed.begin("run")
        wait_for_merge(handles, pair.harmed, model, process)
        began = time.monotonic()
        os.kill(trino, signal.SIGKILL)
        # the launcher's supervisor starts it again; this waits until it answers
        stack.launcher("up", "trino")
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 1, said
        assert re.search(rf"ERROR creating sql incremental model \S+\.{model} ", said), said
    pair.harmed.dbt("run")
    recovered = time.monotonic() - began
    pair.judge()
    record("F21", f"Trino killed in merges into {', '.join(models)}", recovered, TRINO_SECONDS, {})


@pytest.mark.chaos("F21")
def test_of_two_runs_at_once_the_second_waits(record: Any, pair: Pair) -> None:
    pair.send()
    both = [pair.harmed.begin("run") for _ in range(2)]
    said = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert max(pause(*said), pause(*reversed(said))) >= 0, said
    pair.judge()
    record("F21", "two runs at once", None, None, {})


@pytest.mark.chaos("F21")
def test_two_runs_that_do_not_see_each_others_lock_leave_what_the_next_one_needs(
    record: Any, pair: Pair, tmp_path: Path
) -> None:
    pair.send()
    both = [pair.harmed.begin("run", state=state) for state in (pair.harmed.state, tmp_path)]
    said = [process.communicate(timeout=600)[0] for process in both]
    assert max(pause(*said), pause(*reversed(said))) < 0, "they were not at work at once"
    began = time.monotonic()
    pair.harmed.dbt("run")
    recovered = time.monotonic() - began
    pair.judge()
    ends = ", ".join(str(process.returncode) for process in both)
    record("F21", f"two runs without a common lock, exit codes {ends}", recovered, RUN_SECONDS, {})


def clock(said: str) -> tuple[float, float]:
    """The first and the last time of day in what dbt said, in seconds."""
    times = re.findall(r"^(\d\d):(\d\d):(\d\d) ", said, re.MULTILINE)
    first, last = ([int(part) for part in times[place]] for place in (0, -1))
    return tuple(hours * 3600 + minutes * 60 + seconds for hours, minutes, seconds in (first, last))  # type: ignore[return-value]


def pause(earlier: str, later: str) -> float:
    """Seconds from the end of one run to the beginning of another, negative where they overlap; over midnight too."""
    return (clock(later)[0] - clock(earlier)[1] + DAY / 2) % DAY - DAY / 2
