"""A run that ends without a word is found, one that is alive is not, and a clean end leaves nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from fraud_producer.errors import LedgerError
from fraud_producer.ledger import Ledger
from fraud_producer.runs import OpenRun, TopicStart, unfinished_runs
from fraud_producer.undelivered import Outcome

STARTS = {"t.raw": TopicStart("transaction_id", {0: 17, 1: 0})}


def found(directory: Path) -> list[str]:
    with unfinished_runs(directory) as runs:
        return [run.run_id for run in runs]


def test_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        ledger.begin(STARTS)
        assert found(tmp_path) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_unknown_events_leave_the_run_to_be_looked_for(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        ledger.begin(STARTS)
        ledger.give_up("t.raw", "u1", "t1", Outcome.UNKNOWN, "no answer")
    with unfinished_runs(tmp_path) as runs:
        assert [(run.run_id, run.starts) for run in runs] == [("run1", STARTS)]
        # nobody else settles it meanwhile
        assert found(tmp_path) == []


def test_a_killed_process_gives_its_run_back(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from fraud_producer.runs import OpenRun, TopicStart;"
        "run = OpenRun.begin(Path(sys.argv[1]), 'run1', {'t.raw': TopicStart('id', {0: 1})});"
        "print('begun', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert found(tmp_path) == []
        process.kill()
        process.wait()
    assert found(tmp_path) == ["run1"]


def test_a_run_that_wrote_nothing_before_it_died_began_nowhere(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run1.json").touch()
    with unfinished_runs(tmp_path) as runs:
        assert [run.starts for run in runs] == [{}]


def test_a_broken_file_names_itself_and_the_remedy(tmp_path: Path) -> None:
    OpenRun.begin(tmp_path, "run1", STARTS).end(is_known=False)
    (tmp_path / "runs" / "run1.json").write_text("{}")
    with pytest.raises(LedgerError, match=r"run1\.json is broken .*delete it"):
        found(tmp_path)


def test_the_same_run_begun_again_keeps_its_first_starts(tmp_path: Path) -> None:
    OpenRun.begin(tmp_path, "run1", STARTS).end(is_known=False)
    OpenRun.begin(tmp_path, "run1", {"t.raw": TopicStart("transaction_id", {0: 99})}).end(is_known=False)
    with unfinished_runs(tmp_path) as runs:
        assert runs[0].starts == STARTS
