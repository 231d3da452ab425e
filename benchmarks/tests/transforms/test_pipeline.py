"""The steps are the pipeline's, and a model that fails is named with Trino's answer."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.transforms.pipeline import STEPS, Build, Model, Pipeline, failures, statements_of
from fraud_native.paths import ROOT

MEMORY = "TrinoUserError(type=INSUFFICIENT_RESOURCES, name=EXCEEDED_LOCAL_MEMORY_LIMIT,\n  message='Query exceeded')"


def result(model: str, status: str = "success", message: str = "OK") -> dict[str, Any]:
    return {
        "unique_id": f"model.fraud_watch.{model}",
        "status": status,
        "message": message,
        "execution_time": 2.5,
        "adapter_response": {},
    }


def test_the_steps_are_those_of_the_pipeline_that_build_something() -> None:
    dag = (ROOT / "phase3-transforms/airflow/dags/fraud_pipeline.py").read_text(encoding="utf-8")
    commands = re.findall(r'bash_command=f"\{RUN_DBT\} ([^"]*)"', dag)
    assert [" ".join(step) for step in STEPS] == [each for each in commands if not each.startswith("test ")]


def test_failures_name_the_model_and_what_trino_said() -> None:
    assert failures([result("a"), result("b", "skipped")]) == ""
    found = failures([result("a"), result("mart_x", "error", MEMORY)])
    assert found.startswith("mart_x: TrinoUserError(type=INSUFFICIENT_RESOURCES")
    assert "EXCEEDED_LOCAL_MEMORY_LIMIT" in found
    assert "\n" not in found


class Dbt(Pipeline):
    """One behind which there is no Trino."""

    def _queries(self) -> list[dict[str, Any]]:
        return []


def fake_dbt(folder: Path, exit_code: int, results: list[dict[str, Any]]) -> Pipeline:
    """A dbt that writes these results and says how it was called."""
    target = folder / "target"
    target.mkdir()
    (folder / "results.json").write_text(json.dumps({"results": results}))
    script = folder / "run-dbt"
    write = f"cp {folder}/results.json {target}/run_results.json"
    script.write_text(f'#!/bin/bash\necho "$@" >> {folder}/calls\n{write}\nexit {exit_code}\n')
    script.chmod(0o755)
    return Dbt({"DBT_PROJECT_DIR": str(folder), "DBT_TARGET_PATH": str(target), "PATH": "/usr/bin:/bin"}, "x_")


def test_a_build_has_the_seconds_of_all_steps_and_of_each_model(tmp_path: Path) -> None:
    said: list[str] = []
    build = fake_dbt(tmp_path, 0, [result("a"), result("b")]).run(said.append, full_refresh=True)
    assert len(build.models) == 2 * len(STEPS)
    assert build.seconds > 0
    assert (build.seconds_of("a"), build.seconds_of("c")) == (2.5, None)
    assert said[0].strip() == "a 2.5 s"
    calls = (tmp_path / "calls").read_text().splitlines()
    # seeds are made anew anyway
    assert ["--full-refresh" in call for call in calls] == [False, True, True, True]
    assert all('--vars {"schema_prefix": "x_"}' in call for call in calls)


def test_an_increment_refreshes_nothing(tmp_path: Path) -> None:
    fake_dbt(tmp_path, 0, []).run(lambda _: None, full_refresh=False)
    assert "--full-refresh" not in (tmp_path / "calls").read_text()


def test_a_model_that_fails_ends_the_build(tmp_path: Path) -> None:
    pipeline = fake_dbt(tmp_path, 1, [result("a"), result("mart_x", "error", MEMORY)])
    with pytest.raises(BenchmarkError, match=r"dbt seed failed: mart_x: .*EXCEEDED_LOCAL_MEMORY_LIMIT"):
        pipeline.run(lambda _: None, full_refresh=True)


def test_a_model_is_told_with_what_it_read() -> None:
    assert str(Model("a", 2.54)) == "a 2.5 s"
    assert str(Model("a", 2.54, 1234, 5 * 2**20)) == "a 2.5 s, 1,234 rows read, 5 MiB"
    assert Build(1.0, [Model("a", 2.0)]).seconds_of("a") == 2.0


def statement(text: str, second: int, rows: int) -> dict[str, Any]:
    stats = {"createTime": f"2026-03-31T12:00:{second:02d}.000Z", "rawInputPositions": rows}
    return {"query": text, "queryStats": stats}


def test_a_models_statements_are_those_that_write_its_table_or_one_on_the_way_to_it() -> None:
    queries = [
        statement('insert into "delta"."x_gold"."mart_a" (select 1)', 1, 1),
        statement('/* {"app": "dbt"} */\ncreate or replace table "delta"."x_gold"."mart_a" as', 5, 2),
        statement('insert into "delta"."x_gold"."mart_a__dbt_tmp" (select 1)', 6, 4),
        statement('merge into "delta"."x_gold"."mart_a" as kept', 7, 8),
        statement('merge into "delta"."x_gold"."mart_ab" as kept using "delta"."x_gold"."mart_a"', 7, 16),
        statement('merge into "delta"."y_gold"."mart_a" as kept', 7, 32),
        statement('select * from "delta"."x_gold"."mart_a"', 8, 64),
    ]
    since = datetime(2026, 3, 31, 12, 0, 5, tzinfo=UTC)
    found = statements_of("mart_a", "x_", since, queries)
    assert [stats["rawInputPositions"] for stats in found] == [2, 4, 8]
