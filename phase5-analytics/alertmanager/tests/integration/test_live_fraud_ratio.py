"""Frauds become known on the running stack more often than usual, and what reaches the receiver; ten times as fast."""

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fraud_producer.side_events import side_id

pytestmark = [pytest.mark.integration, pytest.mark.slow]
Eventually = Callable[..., Any]

MAPPING = """\
source: fraud-ratio
columns: {transaction_id: id, event_time: time, user_id: user, merchant_id: merchant, amount: amount}
constants: {currency: EUR}
label: {column: fraud, fraud_values: [fraud], honest_values: [honest], delay_days: 0}
"""


@dataclass(frozen=True)
class NewestDay:
    """The day that the gauges look at, as Gold has it."""

    end: datetime
    payments: int
    frauds: float
    baseline: float

    def frauds_for(self, ratio: float) -> int:
        """How many more payments, all of them fraud, bring the share to ``ratio``."""
        return math.ceil((ratio * self.payments - self.frauds) / (1 - ratio))

    def honest_for(self, ratio: float, more_frauds: int) -> int:
        """How many honest payments bring it back to ``ratio`` after that."""
        return math.ceil((self.frauds + more_frauds) / ratio) - self.payments - more_frauds


def test_more_frauds_than_usual_are_a_page(
    demo: Any, watched: Any, monitoring: Any, receiver: Any, eventually: Eventually, tmp_path: Path
) -> None:
    """Frauds of one day, known at once, and then as many honest payments of that day as make them few again."""
    # a hundred payments a second would move the day on while it is looked at
    watched.stop("producer")
    # what was still on its way would become a day of its own
    demo.stack.run(["fraud-stream", "conservation", "--wait", "180"])
    demo.run_pipeline()
    day = newest_day(demo, monitoring, eventually)
    frauds = day.frauds_for(2.5 * day.baseline)
    honest = day.honest_for(1.5 * day.baseline, frauds)
    with source_kept(watched):
        land(demo, tmp_path, "fraud", frauds, day.end, eventually)
        told = receiver.wait("firing", 240, alertname="FraudRatioHigh", severity="page")
        assert told["annotations"]["summary"] == "Fraud is more than twice as frequent as in the week before"
        land(demo, tmp_path, "honest", honest, day.end, eventually)
    receiver.wait("resolved", 180, alertname="FraudRatioHigh")


def newest_day(demo: Any, monitoring: Any, eventually: Eventually) -> NewestDay:
    """What Gold says of it, once the gauges say the same."""
    ((end, payments),) = demo.trino(
        """
        SELECT max_by(newest, event_hour), sum(transaction_count) FILTER (WHERE event_hour < newest)
        FROM (SELECT *, max(event_hour) OVER () AS newest FROM delta.gold.mart_hourly_metrics)
        WHERE event_hour >= newest - INTERVAL '24' HOUR
        """
    )
    ((frauds,),) = demo.trino(
        f"""
        SELECT count(*) FROM (
            SELECT from_unixtime(min(known_us) / 1000000) AT TIME ZONE 'UTC' AS known
            FROM delta.silver.int_labels_as_of WHERE is_fraud GROUP BY transaction_id
        )
        WHERE known >= TIMESTAMP '{end - timedelta(hours=24):%F %T} UTC' AND known < TIMESTAMP '{end:%F %T} UTC'
        """
    )

    def shown() -> bool:
        ratio = monitoring.value("fraud_gold_fraud_ratio")
        return ratio is not None and math.isclose(ratio, frauds / payments)

    eventually(
        shown, 120, lambda: f"a ratio of {frauds} / {payments}, not {monitoring.value('fraud_gold_fraud_ratio')}"
    )
    baseline = monitoring.value("fraud_gold_fraud_ratio_baseline")
    assert baseline > 0
    return NewestDay(end, payments, frauds, baseline)


def land(demo: Any, folder: Path, kind: str, count: int, end: datetime, eventually: Eventually) -> None:
    """Send ``count`` payments of three hours before ``end``, the frauds with their labels, and bring them to Gold.

    Their ids are those of messages beside the sequence: live payments go on after the others.
    """
    file, mapping = folder / f"{kind}.csv", folder / "mapping.yml"
    mapping.write_text(MAPPING, encoding="utf-8")
    with file.open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(("id", "time", "user", "merchant", "amount", "fraud"))
        for number in range(count):
            moment = end.replace(tzinfo=UTC) - timedelta(hours=3) + timedelta(milliseconds=number)
            name = side_id("R", f"ratio_{kind}", round(moment.timestamp() * 1_000_000), number)
            rows.writerow((name, moment.isoformat(), f"U-ratio-{number}", "M001", 20, kind))
    demo.stack.run(["fraud-producer", "replay", str(file), "--mapping", str(mapping), "--append"])
    for table, expected in {"transactions": count, "labels": count if kind == "fraud" else 0}.items():
        sql = f"SELECT count(*) FROM delta.bronze.{table} WHERE strpos(transaction_id, 'ratio_{kind}') > 0"
        eventually(
            lambda sql=sql, expected=expected: demo.trino(sql) == [[expected]],
            120,
            lambda sql=sql, expected=expected: f"{expected} rows: {demo.trino(sql)}",
        )
    demo.run_pipeline()


@contextmanager
def source_kept(stack: Any) -> Iterator[None]:
    """Live payments go on from the simulated world afterwards, not from a file of this test."""
    remembered = Path(stack.env["FRAUD_PRODUCER_LEDGER_DIR"]) / "source.json"
    before = remembered.read_bytes()
    try:
        yield
    finally:
        remembered.write_bytes(before)
