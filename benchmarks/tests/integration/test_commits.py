"""Commits of a Delta log on the real object store: which messages they brought, and when they became visible."""

import io
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.freshness.commits import CommitWatch

pytestmark = pytest.mark.integration


def client(env: dict[str, str], secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        region_name=env["S3_REGION"],
        aws_access_key_id=env["MINIO_ROOT_USER"],
        aws_secret_access_key=secret,
    )


class Table:
    """A Delta table of which only the log and the coordinates of its rows are there."""

    def __init__(self, env: dict[str, str]) -> None:
        self.key = f"bronze/bench_{secrets.token_hex(4)}"
        self.bucket = env["S3_BUCKET"]
        self.s3 = client(env, env["MINIO_ROOT_PASSWORD"])

    def put(self, path: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.key}/{path}", Body=body)

    def commit(self, version: int, *actions: dict[str, Any]) -> None:
        lines = [{"commitInfo": {"operation": "WRITE"}}, *actions]
        self.put(f"_delta_log/{version:020d}.json", "\n".join(json.dumps(line) for line in lines).encode())

    def put_rows(self, path: str, coordinates: list[tuple[int, int]]) -> None:
        partitions, offsets = zip(*coordinates, strict=True)
        sink = io.BytesIO()
        pq.write_table(pa.table({"_partition": partitions, "_offset": offsets, "amount": [1.0] * len(offsets)}), sink)
        self.put(path, sink.getvalue())

    def watch(self) -> CommitWatch:
        return CommitWatch(self.s3, self.bucket, self.key)

    def remove(self) -> None:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.key}/").get("Contents", [])
        for item in listed:
            self.s3.delete_object(Bucket=self.bucket, Key=item["Key"])


@pytest.fixture
def table(stack: Any) -> Iterator[Table]:
    stack.need("minio-init")
    table = Table(stack.env)
    yield table
    table.remove()


def test_rows_of_all_files_that_a_commit_added_are_its_messages(table: Table) -> None:
    table.put_rows("event_date=2026-01-01/a b.parquet", [(0, 5), (1, 7)])
    table.put_rows("event_date=2026-01-02/c.parquet", [(2, 9)])
    table.commit(
        4,
        {"txn": {"appId": "t:1", "version": 3}},
        {"add": {"path": "event_date=2026-01-01/a%20b.parquet", "dataChange": True}},
        {"add": {"path": "event_date=2026-01-02/c.parquet", "dataChange": True}},
    )
    assert list(table.watch().messages(4)) == [(0, 5), (1, 7), (2, 9)]


def test_a_compaction_brings_no_message(table: Table) -> None:
    table.put_rows("together.parquet", [(0, 5)])
    table.commit(5, {"remove": {"path": "a"}}, {"add": {"path": "together.parquet", "dataChange": False}})
    assert list(table.watch().messages(5)) == []


def test_only_commits_after_the_start_are_seen_and_when(table: Table) -> None:
    for version in range(12):
        table.commit(version)
    table.put("_delta_log/00000000000000000010.checkpoint.parquet", b"")
    watch = table.watch()
    watch.start()
    before = time.time()
    for version in (12, 13):
        table.commit(version)
        wait_for(watch, version)
    watch.stop()
    assert sorted(watch.seen_at) == [12, 13]
    assert before <= watch.seen_at[12] <= watch.seen_at[13] <= time.time()


def test_a_store_that_refuses_ends_the_watch_loudly(table: Table, stack: Any) -> None:
    watch = table.watch()
    watch.start()
    watch.s3 = client(stack.env, "not the password")
    time.sleep(0.5)
    with pytest.raises(BenchmarkError, match="cannot be read"):
        watch.stop()


def wait_for(watch: CommitWatch, version: int) -> None:
    deadline = time.monotonic() + 5
    while version not in watch.seen_at:
        assert time.monotonic() < deadline, f"version {version} was not seen"
        time.sleep(0.01)
