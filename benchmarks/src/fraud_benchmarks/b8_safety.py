"""B8: what safety costs the Bronze writer: the same path with all of it on and with all of it off.

On is what ``fraud-stream bronze-writer`` does to a batch: checks, quarantine (encrypted) and dead letters, counts for
the conservation figures, ledger columns, transaction ids on every commit, the lease before every write, verification
of checkpoint and tables, a look at the registry, metrics, and the watch on the broker. Off is composed of the same
functions without those parts (production has no such mode); shown beside is the path with only the checks on.
"""

from typing import Final

from fraud_benchmarks.b2_backlog import ALL_OFF, CHECKS_ONLY
from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.bronze.bench import ROWS, SERVICES, UNIT, bench
from fraud_benchmarks.comparing import Comparison, Leg, Say
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result, Target

TARGETS: Final = {ALL_OFF: Target(0.90), CHECKS_ONLY: Target(0.90)}
# two peers: fewer rows than B2's keep seven pairs of each within minutes
ROWS_OF_A_RUN: Final = ROWS * 3 // 5
WARM_UPS: Final = 1


def run(stack: PlatformStack, pairs: int, say: Say) -> Result:
    """Clear three fifths of B2's rows a run, with safety on and off in turn."""
    with bench(stack, ROWS_OF_A_RUN) as runs:
        ours = Leg("all safety on", runs.safe)
        peers = [Leg(ALL_OFF, runs.unsafe), Leg(CHECKS_ONLY, runs.checked_only)]
        runs.warm_up([ours, *peers], WARM_UPS, say)
        return Comparison(BENCHMARK.id, BENCHMARK.name, UNIT, ours, peers, TARGETS).run(pairs, say)


BENCHMARK: Final = Benchmark("B8", "ingest with all safety on and off", SERVICES, run)
