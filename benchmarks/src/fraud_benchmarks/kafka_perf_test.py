"""Kafka's own load generator, ``kafka-producer-perf-test``: what the Java client does with values of the same size."""

import re
import subprocess
from pathlib import Path
from typing import Final

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_native.paths import ROOT, cache

_POM: Final = ROOT / "benchmarks" / "kafka-tools" / "pom.xml"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_RATE: Final = re.compile(r"records sent, ([0-9.]+) records/sec")


def java_producer_rate(
    stack: PlatformStack, topic: str, records: int, warmup: int, record_bytes: int, core: int
) -> float:
    """Records a second that it sends after ``warmup`` records: random letters, without keys, acks=all, lz4.

    Raises:
        BenchmarkError: it failed; the message holds what it printed.
    """
    java = str(Path(stack.env["JAVA_HOME"]) / "bin" / "java")
    command = [
        *("taskset", "--cpu-list", str(core), java, "-cp", f"{_jars(stack.env['KAFKA_VERSION'])}/*"),
        "org.apache.kafka.tools.ProducerPerformance",
        *("--bootstrap-server", stack.env["KAFKA_BOOTSTRAP_SERVERS"], "--topic", topic, "--throughput", "-1"),
        *("--num-records", str(records + warmup), "--warmup-records", str(warmup)),
        *("--record-size", str(record_bytes)),
        *("--command-property", "acks=all", "compression.type=lz4", "linger.ms=20"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # the last line is about the records after the warm-up
    rates = _RATE.findall(done.stdout)
    if done.returncode or not rates:
        raise BenchmarkError(f"kafka-producer-perf-test failed: {done.stdout}{done.stderr}")
    return float(rates[-1])


def _jars(version: str) -> Path:
    """Its class path in the per-user cache, fetched once."""
    folder = cache() / f"kafka-tools-{version}"
    if not folder.is_dir():
        fresh = folder.with_suffix(".tmp")
        options = ("--batch-mode", "--quiet", "--strict-checksums", "--no-transfer-progress")
        settings = (f"-DKAFKA_VERSION={version}", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}")
        done = subprocess.run(
            ["mvn", *options, "--file", str(_POM), _PLUGIN, *settings], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(f"Maven could not fetch kafka-tools {version}: {done.stdout}{done.stderr}")
        fresh.rename(folder)
    return folder
