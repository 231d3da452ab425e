"""A file of another make on the real components: nothing is lost, and the forest is worth it."""

from typing import Any

import pytest

from fraud_benchmarks.own_data import benchmark
from fraud_benchmarks.own_data.memory import PeakMemory
from fraud_benchmarks.own_data.world import WorldSize
from fraud_benchmarks.platform_stack import PlatformStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# of average precision, between the forest and the best of what it is shown beside
MARGIN = 0.05


def test_the_forest_beats_the_baselines_on_a_file_that_it_knows_nothing_of(stack: Any) -> None:
    stack.need(*benchmark.SERVICES)
    platform = PlatformStack()
    platform.env = stack.env
    platform.work.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    size = WorldSize(payments=150_000, customers=1_500, merchants=3_000, days=75)
    with PeakMemory() as memory:
        found = {result.id: result for result in benchmark.run(platform, size, memory, said.append)}
    assert not found["OWN"].is_void, said
    precision = found["OWN.average_precision"]
    assert precision.peers.keys() == {"logistic", "amount", "isolation_forest"}
    assert precision.ours is not None
    assert precision.ours > max(value for value in precision.peers.values() if value is not None) + MARGIN
    # absent fields make constant features, which are dropped with a notice
    assert any("dropped" in line and "transaction_channel" in line for line in said)
    assert any("mart_fraud_features" in line for line in said)
