"""One Spark session, one filled topic, and a run on fresh tables whenever somebody asks for one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, Self

import boto3
from pyspark import SparkContext

from fraud_benchmarks.bronze.backlog import Backlog, backlog
from fraud_benchmarks.bronze.drains import Drained, Drains
from fraud_benchmarks.bronze.landed import Landed, by_coordinates, by_ids
from fraud_benchmarks.bronze.place import RunLayout
from fraud_benchmarks.comparing import Leg, Run, Say
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_stream.registry import SchemaCatalogue
from fraud_stream.session import end_session, start_session
from fraud_stream.settings import WriterSettings

SERVICES: Final = ("kafka", "schema-registry", "minio-init")
UNIT: Final = "rows/s"
# a smaller backlog shows that everything runs; figures are those of the default
ROWS: Final = int(os.environ.get("BENCH_BACKLOG_ROWS", "300000"))
# one row in a thousand, so that every batch has something to set aside
GOOD_PER_BAD: Final = 1000


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs of one session over one backlog, until :meth:`over` gives it another."""

    drains: Drains
    backlog: Backlog
    bucket_owner: Any
    numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def over(self, stack: PlatformStack, rows: int, bad: int) -> Iterator[Self]:
        """The same session over a backlog of so many rows, of which so many are bad, for the length of a block."""
        with backlog(stack, rows, bad) as filled:
            yield replace(self, drains=replace(self.drains, catalogue=_catalogue(filled)), backlog=filled)

    def safe(self) -> Run:
        """One run of the Bronze writer's own path; Bronze and quarantine together must hold every offset once."""
        return self._run(
            self.drains.with_all_safety,
            lambda layout: self._coordinates(layout.stream.table_path, layout.quarantine_path),
        )

    def bare(self) -> Run:
        """One run of a bare append, which takes the bad rows for good ones."""
        return self._run(self.drains.bare, lambda layout: self._coordinates(layout.stream.table_path))

    def checked_only(self) -> Run:
        """One run with the checks on and everything else off; the bad rows are dropped."""
        good = self.backlog.rows - self.backlog.bad
        return self._run(self.drains.with_checks_only, lambda layout: self._ids(layout, good))

    def unsafe(self) -> Run:
        """One run with everything off."""
        return self._run(self.drains.without_safety, lambda layout: self._ids(layout, self.backlog.rows))

    def warm_up(self, legs: list[Leg], rounds: int, say: Say) -> None:
        """Let the JVM compile what the legs run, ``rounds`` times each; these runs count nowhere."""
        for number in range(rounds):
            for leg in legs:
                run = leg.run()
                say(f"warm-up {number + 1}/{rounds}  {leg.name:<32} {run.value:>12,.0f} {UNIT}")

    def _coordinates(self, *paths: str) -> Landed:
        return by_coordinates(self.drains.spark, list(paths), self.backlog.spans)

    def _ids(self, layout: RunLayout, expected: int) -> Landed:
        stream = layout.stream
        return by_ids(self.drains.spark, stream.table_path, stream.contract.id_field, expected)

    def _run(self, drain: Callable[[RunLayout], Drained], check: Callable[[RunLayout], Landed]) -> Run:
        topic = self.backlog.topic
        namespace = f"{topic.name.removesuffix('.raw')}_{next(self.numbers)}_"
        layout = RunLayout(self.drains.settings.s3_bucket, namespace, topic)
        try:
            drained = drain(layout)
            landed = check(layout)
        finally:
            layout.remove(self.bucket_owner)
        return Run(self.backlog.rows / drained.seconds, landed.lost, landed.duplicated)


@contextmanager
def bench(stack: PlatformStack, rows: int) -> Iterator[Bench]:
    """Fill a topic, start Spark with the settings of the Bronze writer, and remove both in the end."""
    # pyspark starts the java that this names
    os.environ["JAVA_HOME"] = stack.env["JAVA_HOME"]
    settings = WriterSettings.model_validate({**stack.env, "FRAUD_STREAM_WORK_DIR": str(stack.work / "spark")})
    with backlog(stack, rows, rows // GOOD_PER_BAD) as filled:
        catalogue = _catalogue(filled)
        owner = boto3.client(
            "s3",
            endpoint_url=stack.env["S3_ENDPOINT_URL"],
            region_name=stack.env["S3_REGION"],
            aws_access_key_id=stack.env["MINIO_ROOT_USER"],
            aws_secret_access_key=stack.env["MINIO_ROOT_PASSWORD"],
        )
        spark = start_session(settings)
        try:
            yield Bench(Drains(spark, settings, catalogue), filled, owner)
        finally:
            end_session(spark)
            # the next benchmark has a JVM of its own: pyspark would go on asking the one that has ended
            SparkContext._gateway = SparkContext._jvm = None


def _catalogue(filled: Backlog) -> SchemaCatalogue:
    catalogue = SchemaCatalogue(filled.registry_url, filled.topic.subject)
    catalogue.require()
    return catalogue
