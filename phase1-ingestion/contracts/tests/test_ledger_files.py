"""What one process writes into a ledger another one reads, whatever the ids are."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_contracts import LEDGER_HEADER, LedgerFiles, LedgerFormatError, ledger_line, new_run_id, read_ledger_file

TOPIC = "transactions.raw"


def written(folder: Path, *lines: tuple[int, int, str], run: str = "run1") -> Path:
    files = LedgerFiles(folder, run)
    for line in lines:
        files.acknowledge(TOPIC, *line)
    files.close()
    return files.path(TOPIC)


def test_a_file_has_a_header_and_a_line_for_each_message(tmp_path: Path) -> None:
    path = written(tmp_path, (3, 17, "t1"), (0, 0, "t2"))
    assert path == tmp_path / TOPIC / "run1.csv"
    assert path.read_text() == "partition,offset,id\n3,17,t1\n0,0,t2\n"


def test_a_run_that_sent_nothing_leaves_no_file(tmp_path: Path) -> None:
    LedgerFiles(tmp_path, "run1").close()
    assert list(tmp_path.iterdir()) == []


def test_the_same_run_appends_under_one_header(tmp_path: Path) -> None:
    for offset in range(2):
        path = written(tmp_path, (0, offset, "t"))
    assert path.read_text().count("partition") == 1
    assert list(read_ledger_file(path)) == [(0, 0, "t"), (0, 1, "t")]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**62), st.text(st.characters(codec="utf-8"))), min_size=1)
)
def test_every_id_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int, str]]
) -> None:
    assert list(read_ledger_file(written(tmp_path_factory.mktemp("ledger"), *lines))) == lines


@pytest.mark.parametrize("rest", ["1", "0,99,t", '0,99,"t', "0,99,t\r"])
def test_a_line_that_is_still_being_written_is_not_there_yet(tmp_path: Path, rest: str) -> None:
    path = written(tmp_path, (0, 1, "t1"), (0, 2, "t,2"))
    path.write_text(path.read_text() + rest, newline="")
    assert list(read_ledger_file(path)) == [(0, 1, "t1"), (0, 2, "t,2")]


@pytest.mark.parametrize("text", ["", LEDGER_HEADER[:5], LEDGER_HEADER])
def test_a_file_whose_header_is_being_written_has_no_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text(text)
    assert list(read_ledger_file(path)) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("offset,partition\n0,0\n", "one.csv is not a ledger: its first line must be 'partition,offset,id'"),
        (f"{LEDGER_HEADER}0,0,a\nzero,0,a\n", "one.csv line 3 is not 'partition,offset,id'"),
        (f"{LEDGER_HEADER}0\n", "one.csv line 2 is not"),
        (f"{LEDGER_HEADER}0,0,a,b\n", "one.csv line 2 is not"),
    ],
)
def test_something_else_is_refused_by_name_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text(text)
    with pytest.raises(LedgerFormatError, match=complaint):
        list(read_ledger_file(path))


def test_what_is_flushed_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    files = LedgerFiles(tmp_path, "run1")
    files.acknowledge(TOPIC, 0, 1, "t")
    files.flush()
    assert files.path(TOPIC).read_text() == LEDGER_HEADER + ledger_line(0, 1, "t")
    files.close()


def test_runs_never_share_a_name() -> None:
    names = {new_run_id("redrive-") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("redrive-") for name in names)
