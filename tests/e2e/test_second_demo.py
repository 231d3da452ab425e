"""The demo once more, on a platform that has its history."""

from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_second_demo_keeps_the_history_and_goes_on_with_new_ids(demo: Any) -> None:
    counted = "SELECT count(*), count(DISTINCT transaction_id), max(event_time) FROM delta.bronze.transactions"
    ((rows, _, newest),) = demo.trino(counted)
    (decided,) = demo.postgres("SELECT count(*) FROM decisions")[0]
    second = demo.again()
    assert "history is kept" in second.said
    predict = second.report["predict"]
    assert predict["errors"] == 0
    assert predict["requests"] >= 200
    ((rows_now, ids_now, newest_now),) = demo.trino(counted)
    assert rows_now == ids_now == rows + predict["requests"]
    assert newest_now > newest
    assert all(row["holds"] for row in second.report["conservation"].values())
    assert second.report["decisions_logged"] == decided + predict["requests"]
