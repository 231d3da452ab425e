"""The ledger holds one line per acknowledged message."""

import csv
from pathlib import Path

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.ledger import FLUSH_LINES, Ledger, new_run_id


def test_each_topic_has_a_file_per_run(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        ledger.acknowledge(TRANSACTIONS.name, 3, 17, "t1")
        ledger.acknowledge(TRANSACTIONS.name, 0, 0, "t2")
        ledger.acknowledge(LABELS.name, 1, 5, "l1")
    assert (tmp_path / "transactions.raw" / "run1.csv").read_text() == "partition,offset,id\n3,17,t1\n0,0,t2\n"
    assert (tmp_path / "labels.raw" / "run1.csv").read_text() == "partition,offset,id\n1,5,l1\n"


def test_a_run_that_sent_nothing_leaves_no_file(tmp_path: Path) -> None:
    with Ledger(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_lines_reach_the_disk_while_the_run_goes_on(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        for offset in range(FLUSH_LINES):
            ledger.acknowledge(TRANSACTIONS.name, 0, offset, f"t{offset}")
        ledger.flush_if_due()
        lines = ledger.path(TRANSACTIONS.name).read_text().splitlines()
    assert len(lines) == FLUSH_LINES + 1


def test_the_same_run_appends_under_one_header(tmp_path: Path) -> None:
    for offset in range(2):
        with Ledger(tmp_path, "run1") as ledger:
            ledger.acknowledge(TRANSACTIONS.name, 0, offset, "t")
    assert (tmp_path / "transactions.raw" / "run1.csv").read_text().count("partition") == 1


def test_an_id_with_a_comma_stays_one_field(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run1") as ledger:
        ledger.acknowledge(TRANSACTIONS.name, 0, 1, 'a,"b"')
    with (tmp_path / "transactions.raw" / "run1.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["0", "1", 'a,"b"']


def test_runs_never_share_a_name() -> None:
    assert len({new_run_id() for _ in range(50)}) == 50
