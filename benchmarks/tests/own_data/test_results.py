"""What the report says of a run with somebody else's data."""

import pytest

from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.own_data.benchmark import results
from fraud_benchmarks.own_data.world import WorldSize

FIGURES = ("average_precision", "auc", "card_precision_at_100")
SUMMARY = {
    model: {name: {"mean": mean} for name in FIGURES}
    for model, mean in (("forest", 0.7), ("amount", 0.2), ("isolation_forest", 0.1))
}
NONE = Landed(0, 0)


def judged(minutes: float, gibibytes: float, size: WorldSize) -> list[bool | None]:
    found = results(size.payments, size, minutes * 60, int(gibibytes * 2**30), SUMMARY, NONE)
    return [ratio.met for result in found for ratio in result.ratios.values()]


def test_an_hour_and_twelve_gibibytes_are_the_limits() -> None:
    assert judged(59.9, 11.9, WorldSize()) == [True, True]
    assert judged(60.1, 12.1, WorldSize()) == [False, False]
    assert judged(1, 1, WorldSize(payments=1000)) == [None, None]


def test_the_forest_stands_beside_what_it_is_compared_with_and_a_lost_row_voids_the_run() -> None:
    found = {result.id: result for result in results(10, WorldSize(), 1, 1, SUMMARY, Landed(1, 0))}
    assert found["OWN.average_precision"].ours == pytest.approx(0.7)
    assert found["OWN.average_precision"].peers == {"amount": 0.2, "isolation_forest": 0.1}
    assert found["OWN"].is_void
