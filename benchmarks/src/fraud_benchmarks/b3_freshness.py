"""B3: the 95th percentile of the time from acknowledgement to visibility, at 1,000 payments a second.

A message is visible from when the commit that holds it can be read from the table's log; the commit is looked for every
20 ms, and all clocks are one machine's. The Bronze writer is the product's, as a process of its own with its six
streams, checks, quarantine and leases; only BRONZE_TRIGGER is set.

B3 compares it with trigger + empty batch: what a message waits at most before its batch begins, and what a batch costs
that brings one message (a stream without news runs no batch at all), as the driver's own metric says, on average.
One driver serves all runs, after a warm-up that counts nowhere. B3-10MIN runs once, for ten minutes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.bronze_writer import BronzeWriter, bronze_writer
from fraud_benchmarks.comparing import Comparison, Leg, Run, Say
from fraud_benchmarks.freshness.landing import Landing, land
from fraud_benchmarks.freshness.sender import Sender
from fraud_benchmarks.medians import percentile
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.producing import payments
from fraud_benchmarks.report import Ratio, Result, Target
from fraud_contracts import TRANSACTIONS, schema_text
from fraud_producer.avro import Encoder
from fraud_producer.registry import Registry

UNIT: Final = "s"
TRIGGER_SECONDS: Final = 1.0
PER_SECOND: Final = 1000.0
RUN_SECONDS: Final = 60.0
LONG_SECONDS: Final = 600.0
WARM_UP_SECONDS: Final = 30.0
# a message every two triggers, each alone in its batch
EMPTY_PER_SECOND: Final = 0.5 / TRIGGER_SECONDS
EMPTY_SECONDS: Final = 10.0
SHARE: Final = 0.95
BATCH: Final = "trigger + empty batch"
LIMIT: Final = "limit"
LIMIT_SECONDS: Final = 3.0
SERVICES: Final = ("kafka", "schema-registry", "minio-init")
_TOLD_SECONDS: Final = 2.0
# more than any run sends
_EVENTS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Freshness:
    """A warm Bronze writer and what feeds it."""

    writer: BronzeWriter
    sender: Sender
    say: Say

    def loaded(self, seconds: float) -> Run:
        """The 95th percentile under load."""
        found = land(self.writer, self.sender, PER_SECOND, seconds)
        self.say(_sentence(found))
        return Run(percentile(found.seconds, SHARE), found.lost, found.duplicated)

    def empty(self) -> Run:
        """The trigger's interval and the mean duration of a batch that brings one message."""
        # the driver tells of a batch a moment after its commit can be read
        time.sleep(_TOLD_SECONDS)
        before = self.writer.batches()
        found = land(self.writer, self.sender, EMPTY_PER_SECOND, EMPTY_SECONDS)
        time.sleep(_TOLD_SECONDS)
        after = self.writer.batches()
        mean = (after.seconds - before.seconds) / (after.count - before.count)
        return Run(TRIGGER_SECONDS + mean, found.lost, found.duplicated)


def run(stack: PlatformStack, pairs: int, say: Say) -> Result:
    """Runs of 60 s, each paired with ten seconds of batches that bring one message."""
    with _freshness(stack, say) as fresh:
        return Comparison(
            benchmark_id=BENCHMARK.id,
            name=BENCHMARK.name,
            unit=UNIT,
            ours=Leg("p95 of freshness", partial(fresh.loaded, RUN_SECONDS)),
            peers=[Leg(BATCH, fresh.empty)],
            targets={BATCH: Target(2.0, at_most=True)},
        ).run(pairs, say)


def run_long(stack: PlatformStack, _pairs: int, say: Say) -> Result:
    """Ten minutes, once."""
    with _freshness(stack, say) as fresh:
        done = fresh.loaded(LONG_SECONDS)
    target = Target(1.0, at_most=True)
    ratio = done.value / LIMIT_SECONDS
    met = not done.is_void and ratio <= target.bound
    return Result(
        id=LONG_BENCHMARK.id,
        name=LONG_BENCHMARK.name,
        unit=UNIT,
        ours=None if done.is_void else done.value,
        peers={LIMIT: LIMIT_SECONDS},
        ratios={LIMIT: Ratio(ratio, None, None, str(target), met)},
        lost=done.lost,
        duplicated=done.duplicated,
    )


@contextmanager
def _freshness(stack: PlatformStack, say: Say) -> Iterator[Freshness]:
    with bronze_writer(stack, f"{TRIGGER_SECONDS:g}s") as writer:
        topic = writer.payments
        with Registry(writer.env["SCHEMA_REGISTRY_URL"]) as registry:
            schema_id = registry.register(topic.subject, schema_text(TRANSACTIONS))
        encoder = Encoder(TRANSACTIONS, schema_id)
        events = payments(TRANSACTIONS, _EVENTS)
        fresh = Freshness(writer, Sender(writer.env["KAFKA_BOOTSTRAP_SERVERS"], topic.topic, encoder, events), say)
        say(f"warm-up: {PER_SECOND:,.0f} payments a second for {WARM_UP_SECONDS:g} s")
        fresh.loaded(WARM_UP_SECONDS)
        yield fresh


def _sentence(found: Landing) -> str:
    shares = ", ".join(f"p{share * 100:g} {percentile(found.seconds, share):.2f} s" for share in (0.5, SHARE, 0.99))
    return f"{len(found.seconds):,} payments in {found.commits} commits: {shares}, slowest {max(found.seconds):.2f} s"


BENCHMARK: Final = Benchmark(
    "B3",
    f"p95 from acknowledgement to visible in Delta, {PER_SECOND:,.0f} payments/s, trigger {TRIGGER_SECONDS:g} s",
    SERVICES,
    run,
)
LONG_BENCHMARK: Final = Benchmark(
    "B3-10MIN", f"{BENCHMARK.name}, over 10 minutes", SERVICES, run_long, only_when_named=True
)
