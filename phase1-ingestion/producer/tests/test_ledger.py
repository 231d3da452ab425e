"""The ledger holds one line per acknowledged message."""

from pathlib import Path

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.ledger import FLUSH_LINES, Ledger


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
