"""The report of `make chaos`: its shape, when it is written, and what it says of a fault that failed."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COUNTS = {"produced": 7, "bronze": 5, "quarantine": 2, "missing": 0, "duplicated": 0}
ENTRY = {
    "fault": "F7",
    "target": "broker killed",
    "recovered_seconds": 1.25,
    "bound_seconds": 45,
    **COUNTS,
    "test": "test_a_broker",
    "test_seconds": None,
    "failure": None,
}


@pytest.fixture
def chaos(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(ROOT / "tests/chaos/conftest.py")


def held(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_the_report_has_the_shape_that_is_documented(chaos: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "chaos.json"
    report = chaos.Report(path)
    report.add(dict(ENTRY))
    found = held(path)
    assert list(found) == ["seed", "kills", "began", "machine", "faults"]
    assert (found["seed"], found["kills"]) == (chaos.SEED, chaos.KILLS)
    assert found["began"].endswith("+00:00")
    assert found["machine"].keys() == {"cores", "memory_bytes"}
    assert found["faults"] == [ENTRY]
    documented = (ROOT / "docs/chaos.md").read_text(encoding="utf-8")
    assert f"`{{{', '.join(list(found)[:-1])}, faults: [{{{', '.join(ENTRY)}}}]}}`" in documented


def test_every_fault_is_in_the_file_as_soon_as_it_is_known(chaos: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "chaos.json"
    report = chaos.Report(path)
    for number, test in enumerate(("one", "two"), start=1):
        report.add({**ENTRY, "test": test})
        assert len(held(path)["faults"]) == number
    report.finish("one", 12.345)
    assert [fault["test_seconds"] for fault in held(path)["faults"]] == [12.3, None]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_fault_that_failed_stands_out_in_the_table(chaos: ModuleType) -> None:
    report = chaos.Report(None)
    report.add(dict(ENTRY))
    nothing = dict.fromkeys(("recovered_seconds", "bound_seconds", *COUNTS))
    report.add({**ENTRY, **nothing, "fault": "F8", "failure": "it is gone"})
    heads, good, bad = (line.split() for line in report.table())
    assert heads[-5:] == list(COUNTS)
    assert good[-7:] == ["1.25", "45", "7", "5", "2", "0", "0"]
    assert bad[0] == "F8"
    assert bad[-8:] == ["-"] * 7 + ["FAILED"]
