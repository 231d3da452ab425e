"""The wrapper: one dbt at a time, and a clear word when something is missing."""

import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN_DBT = ROOT / "phase3-transforms" / "dbt_project" / "run-dbt"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Stand-ins for the commands: dbt prints its arguments and exits as it is told, fraud-features knows a hash."""
    commands = tmp_path / "bin"
    commands.mkdir()
    dbt = commands / "dbt"
    dbt.write_text('#!/bin/sh\necho "dbt $* in $DBT_PROJECT_DIR"\nexit ${EXIT:-0}\n')
    dbt.chmod(0o755)
    features = commands / "fraud-features"
    features.write_text('#!/bin/sh\n[ "$1" = hash ] && echo 59a1\n')
    features.chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        "FRAUD_BIN": str(commands),
        "TRINO_URL": "http://127.0.0.1:1",
        "DBT_TARGET_PATH": str(tmp_path / "dbt" / "target"),
        "DBT_LOG_PATH": str(tmp_path / "dbt" / "logs"),
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(RUN_DBT), *arguments], env=environment, capture_output=True, text=True, check=False)


def test_arguments_and_project_reach_dbt(environment: dict[str, str]) -> None:
    done = run(environment, "run", "--select", "tag:staging")
    assert done.returncode == 0
    assert done.stdout == f"dbt --no-use-colors run --select tag:staging in {RUN_DBT.parent}\n"


def test_dbt_is_told_the_hash_of_the_feature_definition(environment: dict[str, str]) -> None:
    dbt = Path(environment["FRAUD_BIN"]) / "dbt"
    dbt.write_text('#!/bin/sh\necho "$FRAUD_FEATURES_SCHEMA_HASH"\n')
    assert run(environment, "run").stdout == "59a1\n"


def test_a_failure_keeps_its_code_and_says_where_to_look(environment: dict[str, str]) -> None:
    done = run({**environment, "EXIT": "2"}, "run")
    assert done.returncode == 2
    assert environment["DBT_LOG_PATH"] in done.stderr
    assert "Repeating it is safe" in done.stderr


def test_a_failed_data_test_is_no_matter_of_repeating(environment: dict[str, str]) -> None:
    done = run({**environment, "EXIT": "1"}, "test", "--threads", "4")
    assert done.returncode == 1
    assert "Repeating" not in done.stderr
    assert f"{environment['DBT_TARGET_PATH']}/compiled returns the rows" in done.stderr
    ((page, row),) = re.findall(r"What to do: (\S+\.md), row (\w+); then make dbt-test", done.stderr)
    assert re.search(rf"^\| `{row}` \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_a_second_run_waits_and_then_gives_up(environment: dict[str, str]) -> None:
    lock = Path(environment["DBT_TARGET_PATH"]).parent / "lock"
    lock.parent.mkdir()
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run({**environment, "FRAUD_DBT_LOCK_SECONDS": "0.2"}, "run")
    assert done.returncode == 75
    assert "dbt run" not in done.stdout
    assert str(lock) in done.stderr


@pytest.mark.parametrize("missing", ["FRAUD_BIN", "TRINO_URL", "DBT_TARGET_PATH", "DBT_LOG_PATH"])
def test_a_missing_variable_is_named_with_the_remedy(environment: dict[str, str], missing: str) -> None:
    del environment[missing]
    done = run(environment, "run")
    assert done.returncode != 0
    assert missing in done.stderr
    assert "make dbt-run" in done.stderr
