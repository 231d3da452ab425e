"""The world of another make: what its rules say can be seen in its payments."""

from pathlib import Path

import numpy as np
import pytest

from fraud_benchmarks.own_data.file_events import FileEvents
from fraud_benchmarks.own_data.world import DayOfPayments, WorldSize, days, mapping_of, write_csv
from fraud_contracts import LABELS, TRANSACTIONS

SIZE = WorldSize(payments=60_000, customers=600, merchants=1_200, days=60)


@pytest.fixture(scope="module")
def world() -> list[DayOfPayments]:
    return list(days(SIZE))


def test_it_is_as_large_as_asked_and_the_same_each_time(world: list[DayOfPayments]) -> None:
    assert len(world) == SIZE.days
    assert sum(len(day.seconds) for day in world) == pytest.approx(SIZE.payments, rel=0.02)
    again = list(days(SIZE))
    assert all((one.amounts == other.amounts).all() for one, other in zip(world, again, strict=True))
    assert all((np.diff(day.seconds) >= 0).all() for day in world)


def test_amounts_alone_tell_only_some_frauds(world: list[DayOfPayments]) -> None:
    amounts = np.concatenate([day.amounts for day in world])
    frauds = np.concatenate([day.frauds for day in world])
    assert 0.003 < frauds.mean() < 0.03
    assert frauds[amounts > 500].all()
    assert 0.2 < (amounts[frauds] < 220).mean() < 0.9


def test_frauds_stay_with_a_merchant_for_weeks(world: list[DayOfPayments]) -> None:
    """From the first day on which most of a merchant's payments are frauds, four weeks of nothing else."""
    late = world[30:]
    pairs = [(day.merchants[at], day.frauds[at]) for day in late for at in range(len(day.merchants))]
    merchants, counts = np.unique([merchant for merchant, fraud in pairs if fraud], return_counts=True)
    worst = merchants[counts.argmax()]
    assert counts.max() >= 10
    share = np.mean([fraud for merchant, fraud in pairs if merchant == worst])
    assert share > 0.2


def test_the_file_says_the_same_to_a_replay(tmp_path: Path) -> None:
    path = tmp_path / "payments.csv"
    size = WorldSize(payments=5_000, customers=100, merchants=300, days=40)
    written = write_csv(path, size)
    events = list(FileEvents(path, mapping_of(path)).until(2**62))
    payments = [event for event in events if event.topic is TRANSACTIONS]
    labels = [event for event in events if event.topic is LABELS]
    assert len(payments) == written
    assert 0 < len(labels) <= sum(int(day.frauds.sum()) for day in days(size))
    assert set(payments[0].record) >= {"event_time", "user_id", "merchant_id", "amount"}
