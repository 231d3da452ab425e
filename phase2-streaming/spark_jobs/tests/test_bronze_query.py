"""What the Bronze writer asks of Spark's Kafka reader and of its trigger, as the real reader and writer take it.

The connector's jar is not there, so the reader gives a stream of Spark's own, and no query is started.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.readwriter import DataStreamReader, DataStreamWriter

from fraud_contracts import RAW_TOPICS
from fraud_stream.bronze_writer import Writer
from fraud_stream.progress import StreamMetrics
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout

Told = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def spark(spark_process: Callable[[Callable[[], SparkSession]], SparkSession]) -> SparkSession:
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name in ("spark.driver.bindAddress", "spark.driver.host"):
        builder = builder.config(name, "127.0.0.1")
    return spark_process(builder.config("spark.driver.memory", "512m").getOrCreate)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Every option and trigger, once Spark has taken it."""
    said: Told = []
    take_option, take_trigger = DataStreamReader.option, DataStreamWriter.trigger
    take_load = DataStreamReader.load

    def option(self: DataStreamReader, key: str, value: Any) -> DataStreamReader:
        said.append((key, value))
        return take_option(self, key, value)

    def trigger(self: DataStreamWriter, **given: Any) -> DataStreamWriter:
        said.append(("trigger", given))
        return take_trigger(self, **given)

    def load(self: DataStreamReader) -> DataFrame:
        rows = take_load(self._spark.readStream.format("rate"))
        return rows.selectExpr(
            *("NULL AS key", "NULL AS value", "0 AS partition", "value AS offset", "timestamp", "NULL AS topic")
        )

    monkeypatch.setattr(DataStreamReader, "option", option)
    monkeypatch.setattr(DataStreamReader, "load", load)
    monkeypatch.setattr(DataStreamWriter, "trigger", trigger)
    monkeypatch.setattr(DataStreamWriter, "start", lambda _: said.append(("started", True)))
    return said


def start(spark: SparkSession, folder: Path, **changes: str) -> list[str]:
    """Start the query of every stream; their topics."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "SPARK_S3_ACCESS_KEY": "fraud-spark",
        "SPARK_S3_SECRET_KEY": "a-long-enough-secret",
        "FRAUD_STREAM_QUARANTINE_KEY": "0f" * 32,
        "FRAUD_SPARK_JARS_DIR": str(folder),
        **changes,
    }
    (folder / "one.jar").touch()
    settings = WriterSettings.model_validate(environment)
    layout = Layout(settings.s3_bucket, settings.namespace)
    # none of the rest is asked before a query runs
    rest: Any = None
    lease: Any = type("Lease", (), {"check": None})
    catalogues: Any = {stream.topic: None for stream in layout.streams}
    writer = Writer(settings, layout, spark, rest, lease, catalogues)
    metrics = StreamMetrics(CollectorRegistry())
    for stream in layout.streams:
        writer._start(stream, metrics, rest, -1)
    return [stream.topic for stream in layout.streams]


def test_every_stream_reads_its_topic_from_the_beginning_and_steps_over_no_hole(
    spark: SparkSession, told: Told, tmp_path: Path
) -> None:
    topics = start(spark, tmp_path, BRONZE_MAX_OFFSETS_PER_TRIGGER="1234")
    assert len(topics) == len(RAW_TOPICS)
    assert told.count(("started", True)) == len(topics)
    assert [value for key, value in told if key == "subscribe"] == topics
    for key, value in (
        ("failOnDataLoss", "true"),
        ("startingOffsets", "earliest"),
        ("maxOffsetsPerTrigger", "1234"),
        ("kafka.bootstrap.servers", "127.0.0.1:1"),
    ):
        assert [said for name, said in told if name == key] == [value] * len(topics), key


@pytest.mark.parametrize(("text", "milliseconds"), [("10s", 10_000), ("1s", 1000), ("2.5s", 2500), ("1min", 60_000)])
def test_every_query_has_the_trigger_of_the_setting(
    spark: SparkSession, told: Told, tmp_path: Path, text: str, milliseconds: int
) -> None:
    topics = start(spark, tmp_path, BRONZE_TRIGGER=text)
    triggers = [given for name, given in told if name == "trigger"]
    assert triggers == [{"processingTime": f"{milliseconds} milliseconds"}] * len(topics)
