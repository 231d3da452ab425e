"""The report's shape, its file and its table."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fraud_benchmarks.machine import cpu_model, tree_facts
from fraud_benchmarks.report import Ratio, Result, table, write_report

RATIO = Ratio(2.6, 2.5, 2.9, ">= 2.5", True)
RESULT = Result("B1", "producing", "events/s", 51234.5, {"stock": 20000.0}, {"stock": RATIO})


def machine(
    load: float = 0.5, cpu: str = "one", commit: str | None = "a1", dirty: bool | None = False
) -> dict[str, Any]:
    tree = {"commit": commit, "dirty": dirty}
    return {"cpu": cpu, "cores": 2, **tree, "versions": {"python": "3.11"}, "load": {"load_1m": load}}


def test_the_report_has_the_shape_that_all_benchmarks_share(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "bench.json"
    write_report(path, machine(), [RESULT.under(0.5, cores=2)])
    assert json.loads(path.read_text()) == {
        "machine": machine(),
        "benchmarks": [
            {
                "id": "B1",
                "name": "producing",
                "unit": "events/s",
                "ours": 51234.5,
                "peers": {"stock": 20000.0},
                "ratios": {"stock": {"median": 2.6, "low": 2.5, "high": 2.9, "target": ">= 2.5", "met": True}},
                "lost": 0,
                "duplicated": 0,
                "load_1m": 0.5,
                "not_judged": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        (machine(), machine(load=3.0), ["B1", "B2"]),
        (machine(), machine(cpu="two"), ["B2"]),
        (machine(), machine(commit="b2"), ["B2"]),
        (machine(), machine(dirty=True), ["B2"]),
        (machine(dirty=True), machine(dirty=True), ["B2"]),
        (machine(commit=None, dirty=None), machine(commit=None, dirty=None), ["B2"]),
    ],
)
def test_results_of_the_same_machine_and_tree_stay_beside_new_ones(
    tmp_path: Path, earlier: dict[str, Any], later: dict[str, Any], kept: list[str]
) -> None:
    path = tmp_path / "bench.json"
    write_report(path, earlier, [RESULT])
    write_report(path, later, [Result("B2", "clearing", "rows/s", 1.0)])
    report = json.loads(path.read_text())
    assert [entry["id"] for entry in report["benchmarks"]] == kept
    assert report["machine"] == later


def test_each_result_keeps_the_load_of_the_run_that_measured_it(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write_report(path, machine(load=0.25), [RESULT.under(0.25, cores=2)])
    write_report(path, machine(load=0.75), [Result("B2", "clearing", "rows/s", 1.0).under(0.75, cores=2)])
    assert [entry["load_1m"] for entry in json.loads(path.read_text())["benchmarks"]] == [0.25, 0.75]


@pytest.mark.parametrize(("load", "judged"), [(0.0, True), (1.0, True), (1.01, False), (3.46, False)])
def test_a_machine_with_more_load_than_half_its_cores_judges_no_target(load: float, judged: bool) -> None:
    found = RESULT.under(load, cores=2)
    ratio = found.ratios["stock"]
    assert (ratio.median, ratio.low, ratio.high) == (2.6, 2.5, 2.9)
    assert ratio.met is (True if judged else None)
    assert (f"not judged: load {load:g}" in shown(found)) is not judged
    assert found.load_1m == load
    assert found.not_judged == (None if judged else f"load {load:g}")


def test_a_result_replaces_its_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write_report(path, machine(), [RESULT])
    write_report(path, machine(), [Result("B1", "producing", "events/s", 7.0)])
    assert [entry["ours"] for entry in json.loads(path.read_text())["benchmarks"]] == [7.0]


def shown(*results: Result) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table(results))
    return captured.get()


def test_the_table_shows_figures_targets_and_verdicts() -> None:
    text = shown(RESULT)
    for part in ("B1", "51,23", "20,000", "2.60", "2.50 to 2.90", ">= 2.5", "yes"):
        assert part in text
    missed = Ratio(1.0, 0.9, 1.1, ">= 2.5", False)
    assert "NO" in shown(Result("B1", "producing", "events/s", 1.0, {"stock": 1.0}, {"stock": missed}))
    unjudged = Ratio(1.0, None, None, ">= 2.5", None)
    assert "not judged" in shown(Result("B1", "producing", "events/s", 1.0, {"stock": 1.0}, {"stock": unjudged}))


def test_the_table_says_that_a_result_is_void() -> None:
    text = shown(Result("B1", "producing", "events/s", None, {}, {}, lost=2, duplicated=1))
    assert "VOID: 2 lost, 1 duplicated" in text


def test_the_processor_is_named() -> None:
    assert cpu_model("processor : 0\nmodel name\t: Some Xeon @ 2 GHz\n\nprocessor : 1\n") == "Some Xeon @ 2 GHz"
    assert cpu_model("nothing") == "unknown"


def test_a_tree_is_named_by_its_commit_and_by_what_no_commit_holds(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        known = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", *known, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert tree_facts(tmp_path) == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", ".")
    git("commit", "-m", "one")
    commit = git("rev-parse", "HEAD").strip()
    assert tree_facts(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "another").write_text("two")
    assert tree_facts(tmp_path) == {"commit": commit, "dirty": True}
