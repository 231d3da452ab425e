"""Whether a run landed every message once: a run that did not is void."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_benchmarks.errors import BenchmarkError

Spans = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Landed:
    """Messages that are in no table, and rows beyond the first of their message."""

    lost: int
    duplicated: int


@dataclass(frozen=True, slots=True)
class Found:
    """What tables hold of one partition: rows, different offsets, the first and the last of them."""

    rows: int
    offsets: int
    first: int
    last: int


def compare(found: Mapping[int, Found], spans: Spans) -> Landed:
    """Compare what tables hold with what the topic holds, half-open ranges of offsets by partition.

    Raises:
        BenchmarkError: the tables hold coordinates that the topic does not have.
    """
    lost = duplicated = 0
    for partition in found.keys() | spans.keys():
        begin, end = spans.get(partition, (0, 0))
        held = found.get(partition)
        if held is None:
            lost += end - begin
            continue
        if held.first < begin or held.last >= end:
            raise BenchmarkError(f"the tables hold offsets of partition {partition} that the topic does not have")
        lost += end - begin - held.offsets
        duplicated += held.rows - held.offsets
    return Landed(lost, duplicated)


def by_coordinates(spark: SparkSession, paths: Sequence[str], spans: Spans) -> Landed:
    """Whether some Delta tables hold together every offset of a topic once."""
    first, *others = (_read(spark, path).select("_partition", "_offset") for path in paths)
    rows = first
    for other in others:
        rows = rows.unionAll(other)
    by_partition = rows.groupBy("_partition").agg(
        F.count("*"), F.countDistinct("_offset"), F.min("_offset"), F.max("_offset")
    )
    return compare({partition: Found(*figures) for partition, *figures in by_partition.collect()}, spans)


def by_ids(spark: SparkSession, path: str, id_field: str, expected: int) -> Landed:
    """The same for a table without coordinates, where every message has an id of its own."""
    rows, ids = _read(spark, path).agg(F.count("*"), F.countDistinct(id_field)).collect()[0]
    return Landed(expected - ids, rows - ids)


def _read(spark: SparkSession, path: str) -> DataFrame:
    return spark.read.format("delta").load(path)
