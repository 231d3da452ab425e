"""When each commit of a Delta table became visible, and which messages it brought."""

import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from fraud_benchmarks.errors import BenchmarkError

# How often the next version is asked for; a commit may have been there for so long before it is seen.
LOOK_EVERY_SECONDS: Final = 0.02
Coordinates = tuple[int, int]


@dataclass(slots=True)
class CommitWatch:
    """Watches the log of a Delta table: version N is in the snapshot from when ``N.json`` can be read.

    That is how every reader finds the newest snapshot. ``seen_at`` holds the wall clock's seconds by version; the
    object store's own times are not used.
    """

    s3: Any
    bucket: str
    table_key: str
    seen_at: dict[int, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _error: Exception | None = None

    def start(self) -> None:
        """Begin behind the newest version."""
        first = max(self._versions(), default=-1) + 1
        self._thread = threading.Thread(target=self._watch, args=(first,), name="commit-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Raises: whatever ended the watch before."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def messages(self, version: int) -> Iterator[Coordinates]:
        """Partition and offset of every row that a commit added; a compaction adds none."""
        body = self.s3.get_object(Bucket=self.bucket, Key=self._key(version))["Body"].read()
        for line in body.decode().splitlines():
            added = json.loads(line).get("add")
            if added is None or not added["dataChange"]:
                continue
            path = f"{self.table_key}/{unquote(added['path'])}"
            data = self.s3.get_object(Bucket=self.bucket, Key=path)["Body"].read()
            rows = pq.read_table(io.BytesIO(data), columns=["_partition", "_offset"])
            yield from zip(rows["_partition"].to_pylist(), rows["_offset"].to_pylist(), strict=True)

    def _watch(self, version: int) -> None:
        try:
            while not self._stop.is_set():
                if self._exists(version):
                    self.seen_at[version] = time.time()
                    version += 1
                else:
                    self._stop.wait(LOOK_EVERY_SECONDS)
        except Exception as broken:
            self._error = broken

    def _exists(self, version: int) -> bool:
        try:
            self.s3.head_object(Bucket=self.bucket, Key=self._key(version))
        except ClientError as answer:
            if answer.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise BenchmarkError(f"the log of {self.table_key} cannot be read: {answer}") from answer
        return True

    def _versions(self) -> Iterator[int]:
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=f"{self.table_key}/_delta_log/"):
            for item in page.get("Contents", ()):
                name = item["Key"].rpartition("/")[2]
                if name.endswith(".json") and name[:-5].isdigit():
                    yield int(name[:-5])

    def _key(self, version: int) -> str:
        return f"{self.table_key}/_delta_log/{version:020d}.json"
