"""Where one run writes: fresh tables and a fresh checkpoint, fed by the one topic that all runs read."""

from dataclasses import dataclass
from typing import Any

from fraud_contracts import TRANSACTIONS, Topic
from fraud_stream.streams import Layout, Stream


@dataclass(frozen=True, slots=True)
class RunStream(Stream):
    """The stream of payments, read from a topic of another name."""

    source: Topic = TRANSACTIONS

    @property
    def topic(self) -> str:
        return self.source.name

    @property
    def dead_letter_topic(self) -> str:
        return self.source.dead_letter_topic

    @property
    def subject(self) -> str:
        return self.source.subject


@dataclass(frozen=True, slots=True)
class RunLayout(Layout):
    """One stream, its quarantine and its lease, under the run's own namespace."""

    source: Topic = TRANSACTIONS

    @property
    def stream(self) -> RunStream:
        return RunStream(TRANSACTIONS, self.bucket, self.namespace, self.source)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return (self.stream,)

    def remove(self, s3: Any) -> None:
        """Delete everything that the run left in the bucket; ``s3`` is a client with the owner's rights."""
        pages = s3.get_paginator("list_objects_v2")
        for prefix in (f"{self.stream.table_key}/", f"{self.stream.checkpoint_key}/", f"{self.quarantine_key}/"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                keys = [{"Key": item["Key"]} for item in page.get("Contents", ())]
                if keys:
                    s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
        s3.delete_object(Bucket=self.bucket, Key=self.lease_key)
