"""`fraud-producer ledger` says what became of every message, and asks the broker where a run could not."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from fraud_contracts import RAW_TOPICS, TRANSACTIONS

pytestmark = pytest.mark.integration

Start = Callable[..., Popen[str]]
HISTORY = ("simulate", "--days", "3", "--transactions", "900", "--customers", "40", "--fraud-rate", "0.1")


def said_and_logged(process: "Popen[str]") -> tuple[str, str]:
    answer, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    return answer, log


def said(process: "Popen[str]") -> str:
    return said_and_logged(process)[0]


def test_what_a_killed_run_could_not_write_is_found_counted_and_found_once(
    kafka: Any, start: Start, environment: dict[str, str]
) -> None:
    said(start(*HISTORY))
    folder = Path(environment["FRAUD_PRODUCER_LEDGER_DIR"])
    sent = Counter(topic for topic, _, _ in kafka.ids())
    (payments,) = (folder / TRANSACTIONS.name).glob("*.csv")
    # as if it had been killed before its last seven reports were written
    payments.write_text("".join(payments.read_text().splitlines(keepends=True)[:-7]))
    starts = {
        topic.name: {"id_field": topic.id_field, "ends": dict.fromkeys(map(str, range(topic.partitions)), 0)}
        for topic in RAW_TOPICS
    }
    # and one of its topics had been deleted since
    starts["no-more.raw"] = {"id_field": "id", "ends": {"0": 0}}
    (folder / "runs" / f"{payments.stem}.json").write_text(json.dumps({"topics": starts}))

    answer, log = said_and_logged(start("ledger", "--json"))
    assert "left open on no-more.raw cannot be settled" in log
    first = json.loads(answer)
    assert first["settled"] == [{"run": payments.stem, "added": 7, "arrived": 0, "absent": 0}]
    expected = {name: {"acknowledged": count} for name, count in sent.items()}
    expected[TRANSACTIONS.name] = {"acknowledged": sent[TRANSACTIONS.name] - 7, "reconciled": 7}
    assert first["topics"] == expected
    again = json.loads(said(start("ledger", "--json")))
    assert again == {"topics": expected, "settled": []}

    heading, *rows = said(start("ledger")).splitlines()
    assert heading.split()[:3] == ["topic", "acknowledged", "reconciled"]
    table = {name: [int(count.replace(",", "")) for count in counts] for name, *counts in map(str.split, rows)}
    # acknowledged and reconciled; failed, unknown, dead letter, arrived and absent
    assert table == {
        name: [found["acknowledged"], found.get("reconciled", 0), 0, 0, 0, 0, 0] for name, found in expected.items()
    }
