"""B1: acknowledged events a second of generate + validate + HMAC + Avro + produce.

Measured against the stock serializer in both of its modes and against ``produce()`` of the same bytes. The producing
process stays on core 0, the broker on core 1. What each leg does is said in :mod:`fraud_benchmarks.producing`.
"""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from statistics import mean, median
from typing import Final

from fraud_benchmarks.benchmark import Benchmark
from fraud_benchmarks.comparing import Comparison, Leg, Run, Say
from fraud_benchmarks.kafka_perf_test import java_producer_rate
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.producing import Order, Sent, ours, payments, raw, stock
from fraud_benchmarks.report import Result, Target
from fraud_benchmarks.topics import fresh_topic, held
from fraud_contracts import TRANSACTIONS
from fraud_producer.avro import Encoder

UNIT: Final = "events/s"
EVENTS: Final = 60_000
PRODUCER_CORE: Final = 0
BROKER_CORE: Final = 1
LATEST: Final = "AvroSerializer, use.latest.version"
DEFAULT: Final = "AvroSerializer, default"
RAW: Final = "produce() of the same bytes"
UNREPORTED: Final = "produce() without delivery reports"
JAVA: Final = "kafka-producer-perf-test"
TARGETS: Final = {LATEST: Target(2.5), DEFAULT: Target(1.3), RAW: Target(0.55)}
_JAVA_RUNS: Final = 3
_JAVA_WARMUP: Final = 100_000
_JAVA_RECORDS: Final = 300_000


def run(stack: PlatformStack, pairs: int, say: Say) -> Result:
    """Send 60,000 payments a run through each leg."""
    cores = os.sched_getaffinity(0)
    producer_core = PRODUCER_CORE if {PRODUCER_CORE, BROKER_CORE} <= cores else None
    if producer_core is not None:
        stack.pin("KAFKA_PORT", BROKER_CORE)
    say(
        f"B1: producer on core {PRODUCER_CORE}, broker on core {BROKER_CORE}"
        if producer_core is not None
        else "B1: unpinned"
    )

    def leg(name: str, send: Callable[[Order], Sent]) -> Leg:
        return Leg(name, partial(_run, stack, send, producer_core))

    comparison = Comparison(
        benchmark_id=BENCHMARK.id,
        name=BENCHMARK.name,
        unit=UNIT,
        ours=leg("fraud-producer", ours),
        peers=[
            leg(LATEST, partial(stock, use_latest_version=True)),
            leg(DEFAULT, partial(stock, use_latest_version=False)),
            leg(RAW, partial(raw, reports=True)),
            leg(UNREPORTED, partial(raw, reports=False)),
        ],
        targets=TARGETS,
    )
    result = comparison.run(pairs, say)
    return replace(result, peers={**result.peers, JAVA: _java(stack, say)})


def _run(stack: PlatformStack, send: Callable[[Order], Sent], core: int | None) -> Run:
    """One run in a process of its own; all messages of its topic are read afterwards and compared with those sent."""
    with fresh_topic(stack) as topic:
        servers = stack.env["KAFKA_BOOTSTRAP_SERVERS"]
        order = Order(servers, stack.env["SCHEMA_REGISTRY_URL"], topic, EVENTS, stack.work / topic.name, core)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            sent = process.submit(send, order).result()
        found = held(servers, topic.name)
    # every payment has an id of its own, so that two equal values are one payment sent twice
    lost = max(EVENTS - sent.acknowledged, found.lost(EVENTS))
    return Run(sent.acknowledged / sent.seconds, lost, found.duplicated)


def _java(stack: PlatformStack, say: Say) -> float:
    encoder = Encoder(TRANSACTIONS, 1)
    size = round(mean(len(encoder.encode(event.record)) for event in payments(TRANSACTIONS, 1000)))
    rates = []
    for number in range(_JAVA_RUNS):
        with fresh_topic(stack) as topic:
            rates.append(java_producer_rate(stack, topic.name, _JAVA_RECORDS, _JAVA_WARMUP, size, PRODUCER_CORE))
        say(f"B1 {JAVA} {number + 1}/{_JAVA_RUNS}  {rates[-1]:,.0f} {UNIT} of {size} bytes")
    return median(rates)


BENCHMARK: Final = Benchmark(
    "B1", "acknowledged events of generate + validate + HMAC + Avro + produce", ("kafka", "schema-registry"), run
)
