"""The Bronze writer as a process, over topics, tables and checkpoints of a namespace of its own."""

import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import httpx
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_contracts import TRANSACTIONS, schema_text, topic_settings
from fraud_native.paths import COMMANDS
from fraud_producer.registry import Registry
from fraud_producer.topics import Topics
from fraud_stream.streams import Layout, Stream

_READY_SECONDS: Final = 300.0
_END_SECONDS: Final = 60.0
_BATCHES: Final = "fraud_stream_batch_seconds"


@dataclass(frozen=True, slots=True)
class Batches:
    """Finished micro-batches since the driver started, and the seconds that they took together."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BronzeWriter:
    """A Bronze writer, whether its process runs or not."""

    env: dict[str, str]
    layout: Layout
    # a client of the object store with its owner's rights
    s3: Any
    # of its log, ledger and scratch files
    folder: Path

    @property
    def payments(self) -> Stream:
        """The stream of payments."""
        return next(stream for stream in self.layout.streams if stream.contract is TRANSACTIONS)

    def batches(self) -> Batches:
        """What the driver says of the stream of payments.

        Raises:
            BenchmarkError: its metrics page does not answer.
        """
        try:
            text = httpx.get(self.metrics_url, timeout=10).text
        except httpx.HTTPError as gone:
            raise BenchmarkError(f"the Bronze writer does not answer at {self.metrics_url}: {gone}") from gone
        found = {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("topic") == self.payments.topic and "le" not in sample.labels
        }
        return Batches(int(found.get(f"{_BATCHES}_count", 0)), found.get(f"{_BATCHES}_sum", 0.0))

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.env['BRONZE_METRICS_PORT']}/metrics"


@contextmanager
def bronze_namespace(stack: PlatformStack, trigger: str) -> Iterator[BronzeWriter]:
    """Topics of a namespace of its own and a writer that does not run yet.

    It has this trigger (such as ``1s``) and otherwise the settings of the platform. In the end all that it wrote is
    removed, but for the logs of a failure.
    """
    namespace = f"bench_{secrets.token_hex(4)}_"
    folder = stack.work / namespace
    folder.mkdir(parents=True)
    env = stack.command_env | {
        "FRAUD_STREAM_NAMESPACE": namespace,
        "FRAUD_STREAM_WORK_DIR": str(folder / "spark"),
        "FRAUD_PRODUCER_LEDGER_DIR": str(folder / "ledger"),
        "FRAUD_STREAM_AUDIT_LOG": str(folder / "audit.jsonl"),
        "BRONZE_TRIGGER": trigger,
    }
    s3 = boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        region_name=env["S3_REGION"],
        aws_access_key_id=env["MINIO_ROOT_USER"],
        aws_secret_access_key=env["MINIO_ROOT_PASSWORD"],
    )
    writer = BronzeWriter(env, Layout(env["S3_BUCKET"], namespace), s3, folder)
    with _topics(writer):
        try:
            yield writer
        finally:
            _remove_tables(writer)
    # logs of what failed stay
    shutil.rmtree(folder)


@contextmanager
def running(writer: BronzeWriter) -> Iterator[None]:
    """The writer's process for the length of a ``with`` block; started again, it goes on where it was.

    Raises:
        BenchmarkError: it does not start; the message ends with its log.
    """
    log = writer.folder / "bronze-writer.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(COMMANDS / "fraud-stream"), "bronze-writer"],
            env=writer.env,
            cwd=writer.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_ready(writer, process, log)
        yield
    finally:
        _end(process)


@contextmanager
def bronze_writer(stack: PlatformStack, trigger: str) -> Iterator[BronzeWriter]:
    """Start one in a namespace of its own and with this trigger; in the end remove all.

    Raises:
        BenchmarkError: it does not start; the message ends with its log.
    """
    with bronze_namespace(stack, trigger) as writer, running(writer):
        yield writer


@contextmanager
def _topics(writer: BronzeWriter) -> Iterator[None]:
    """Topics, dead letter twins and subjects of the namespace, made as the contracts say."""
    servers, registry_url = writer.env["KAFKA_BOOTSTRAP_SERVERS"], writer.env["SCHEMA_REGISTRY_URL"]
    settings = topic_settings()
    wanted = {}
    for stream in writer.layout.streams:
        wanted[stream.topic] = settings[stream.contract.name]
        wanted[stream.dead_letter_topic] = settings[stream.contract.dead_letter_topic]
    Topics(servers).ensure(wanted)
    try:
        with Registry(registry_url) as registry:
            for stream in writer.layout.streams:
                registry.register(stream.subject, schema_text(stream.contract))
        yield
    finally:
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 2})
        for removed in admin.delete_topics(list(wanted)).values():
            removed.result(_END_SECONDS)
        for stream in writer.layout.streams:
            httpx.delete(f"{registry_url}/subjects/{stream.subject}", timeout=_END_SECONDS)


def _wait_ready(writer: BronzeWriter, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            writer.batches()
        except BenchmarkError:
            time.sleep(0.5)
        else:
            return
    raise BenchmarkError(f"the Bronze writer did not start\n{log.read_text(encoding='utf-8')[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _remove_tables(writer: BronzeWriter) -> None:
    layout = writer.layout
    prefixes = [f"{location}/" for location in layout.tables().values()]
    prefixes += [f"{stream.checkpoint_key}/" for stream in layout.streams]
    pages = writer.s3.get_paginator("list_objects_v2")
    for prefix in [*prefixes, layout.lease_key]:
        for page in pages.paginate(Bucket=layout.bucket, Prefix=prefix):
            if keys := [{"Key": item["Key"]} for item in page.get("Contents", ())]:
                writer.s3.delete_objects(Bucket=layout.bucket, Delete={"Objects": keys, "Quiet": True})
