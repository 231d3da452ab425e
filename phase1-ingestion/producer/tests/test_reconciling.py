"""Which offsets the ledgers do not name: every one of them, and no other. What is read there needs Kafka."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_contracts import LEDGER_HEADER
from fraud_producer.ledger import Ledger
from fraud_producer.reconciling import covered, cut_broken_line, holes_of, read_lines
from fraud_producer.runs import TopicStart


@settings(deadline=None)
@given(
    named=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60)), max_size=80, unique=True),
    begin=st.integers(0, 30),
    low=st.integers(0, 30),
    end=st.integers(0, 70),
)
def test_holes_and_ledgers_make_the_whole(
    tmp_path_factory: pytest.TempPathFactory, named: list[tuple[int, int]], begin: int, low: int, end: int
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    for number, run in enumerate(("run1", "run2.reconciled")):
        with Ledger(folder, run) as ledger:
            for partition, offset in named[number::2]:
                ledger.acknowledge("t.raw", partition, offset, "some, id")
    low = min(low, end)
    found = holes_of(folder / "t.raw", TopicStart("id", {0: begin, 1: 0}), {0: (low, end), 1: (0, 40)})
    for partition, first, after in ((0, max(begin, low), end), (1, 0, 40)):
        there = [offset for at, to in found.get(partition, []) for offset in range(at, to)]
        expected = [offset for offset in range(first, after) if (partition, offset) not in named]
        assert there == expected


def test_neighbours_are_one_range(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        for offset in (0, 1, 2, 7, 8):
            ledger.acknowledge("t.raw", 0, offset, "t")
    assert covered(tmp_path / "t.raw") == {0: [(0, 3), (7, 9)]}
    assert covered(tmp_path / "t.raw", {0: 2}) == {0: [(2, 3), (7, 9)]}


@pytest.mark.parametrize("lines", [0, 1, 3000])
def test_a_line_written_in_part_is_cut_off(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "run.csv"
    whole = LEDGER_HEADER + "".join(f"0,{offset},t{offset}\n" for offset in range(lines))
    for rest in ("", "1", "0,99,t"):
        path.write_text(whole + rest)
        cut_broken_line(path)
        assert path.read_text() == whole


def test_a_line_written_in_part_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text('partition,offset,id\n0,1,t1\n0,2,"t,2"\n0,3,t')
    assert list(read_lines(path)) == [(0, 1, "t1"), (0, 2, "t,2")]
