from pathlib import Path

import pytest

from fraud_contracts import LEDGER_HEADER
from fraud_stream.errors import LedgerError
from fraud_stream.ledger import read_ledger


def write(folder: Path, name: str, text: str) -> None:
    (folder / "payments").mkdir(exist_ok=True)
    (folder / "payments" / name).write_text(text, encoding="utf-8")


def test_runs_are_added_up_and_repeated_lines_are_seen(tmp_path: Path) -> None:
    write(tmp_path, "one.csv", f"{LEDGER_HEADER}0,0,a\n0,1,b\n1,0,c\n")
    write(tmp_path, "two.csv", f"{LEDGER_HEADER}0,2,d\n1,0,c\n")
    found = read_ledger(tmp_path, "payments")
    assert {times: list(offsets) for times, offsets in found[0].items()} == {1: [0, 1, 2]}
    assert {times: list(offsets) for times, offsets in found[1].items()} == {2: [0]}


def test_no_ledger_means_nothing_was_acknowledged(tmp_path: Path) -> None:
    assert read_ledger(tmp_path, "payments") == {}


def test_something_else_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "one.csv", "offset,partition\n0,0\n")
    with pytest.raises(LedgerError, match=r"one\.csv"):
        read_ledger(tmp_path, "payments")
