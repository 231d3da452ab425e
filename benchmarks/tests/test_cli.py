"""What the command does with what the benchmarks find; no stack is started."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from fraud_benchmarks import cli
from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.cli import _chosen
from fraud_benchmarks.report import Ratio, Result


def found(*_: Any) -> Result:
    return Result("B0", "nothing", "events/s", 2.0, {"stock": 1.0}, {"stock": Ratio(2.0, 1.9, 2.1, ">= 1.5", True)})


@pytest.mark.parametrize(("load", "met"), [(0.4, True), (3.46, None)])
def test_the_load_before_anything_was_started_says_whether_targets_are_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, met: bool | None
) -> None:
    stack = SimpleNamespace(env={}, up=lambda _services: None)
    machine = {"cpu": "one", "cores": 2, "commit": "a1", "dirty": False, "load": {"load_1m": load}}
    monkeypatch.setattr(cli, "PlatformStack", lambda: nullcontext(stack))
    monkeypatch.setattr(cli, "machine_facts", lambda _env: machine)
    monkeypatch.setattr(cli, "BENCHMARKS", [Benchmark("B0", "nothing", (), found)])
    cli.ingest(only=None, pairs=1, report=tmp_path / "bench.json")
    (entry,) = json.loads((tmp_path / "bench.json").read_text())["benchmarks"]
    assert (entry["load_1m"], entry["ratios"]["stock"]["met"]) == (load, met)


def test_without_a_name_the_default_is_run_and_names_are_found_in_any_case() -> None:
    assert _chosen(None, ["A", "B", "C"], ["A", "B"]) == ["A", "B"]
    assert _chosen("c, a", ["A", "B", "C"], ["A", "B"]) == ["C", "A"]


def test_a_name_that_nothing_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(typer.BadParameter, match=r"there is no X; choose from A, B"):
        _chosen("A,X", ["A", "B"], ["A"])
