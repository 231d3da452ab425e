from pathlib import Path

import pytest

from fraud_stream.errors import LedgerError
from fraud_stream.ledger import HEADER, read_ledger


def write(folder: Path, name: str, text: str) -> None:
    (folder / "payments").mkdir(exist_ok=True)
    (folder / "payments" / name).write_text(text, encoding="utf-8")


def test_runs_are_added_up_and_repeated_lines_are_seen(tmp_path: Path) -> None:
    write(tmp_path, "one.csv", f"{HEADER}\n0,0,a\n0,1,b\n1,0,c\n")
    write(tmp_path, "two.csv", f"{HEADER}\n0,2,d\n1,0,c\n")
    found = read_ledger(tmp_path, "payments")
    assert {times: list(offsets) for times, offsets in found[0].items()} == {1: [0, 1, 2]}
    assert {times: list(offsets) for times, offsets in found[1].items()} == {2: [0]}


def test_a_line_that_is_still_being_written_is_not_there_yet(tmp_path: Path) -> None:
    write(tmp_path, "one.csv", f"{HEADER}\n0,0,a\n0,1")
    assert list(read_ledger(tmp_path, "payments")[0][1]) == [0]


def test_an_id_may_hold_commas(tmp_path: Path) -> None:
    write(tmp_path, "one.csv", f"{HEADER}\n0,5,a,b,c\n")
    assert list(read_ledger(tmp_path, "payments")[0][1]) == [5]


def test_no_ledger_means_nothing_was_acknowledged(tmp_path: Path) -> None:
    assert read_ledger(tmp_path, "payments") == {}


@pytest.mark.parametrize("text", ["offset,partition\n0,0\n", f"{HEADER}\nzero,0,a\n", f"{HEADER}\n0\n"])
def test_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    write(tmp_path, "one.csv", text)
    with pytest.raises(LedgerError, match=r"one\.csv"):
        read_ledger(tmp_path, "payments")
