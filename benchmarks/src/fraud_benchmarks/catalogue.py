"""All benchmarks of ``make bench-ingest``, in the order in which they run."""

from typing import Final

from fraud_benchmarks import b1_producer, b2_backlog, b3_freshness, b8_safety
from fraud_benchmarks.benchmark import Benchmark

BENCHMARKS: Final[tuple[Benchmark, ...]] = (
    b1_producer.BENCHMARK,
    b2_backlog.BENCHMARK,
    b3_freshness.BENCHMARK,
    b8_safety.BENCHMARK,
    b2_backlog.LARGE,
    b3_freshness.LONG_BENCHMARK,
)
