"""What is wrong with the data of the running stack, and what reaches the receiver; the rules ten times as fast."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from fraud_contracts import EXTERNAL_ALERTS
from fraud_stream.streams import Layout

pytestmark = [pytest.mark.integration, pytest.mark.slow]
Eventually = Callable[..., Any]


def test_payments_scored_with_old_profiles_are_a_page(receiver: Any, eventually: Eventually, pay: Any) -> None:
    """A hundred payments of a month that the profiles know nothing about."""

    def pay_much_later(_: int) -> int:
        status: int = pay(user_id="U0777", merchant_id="M-of-this-test", event_time="2026-12-20T13:00:00Z")
        return status

    with ThreadPoolExecutor(8) as pool:

        def page_came() -> bool:
            assert set(pool.map(pay_much_later, range(40))) == {200}
            return bool(receiver.alerts("firing", alertname="FeaturesStale", severity="page"))

        eventually(page_came, 240, lambda: "the page about stale features")
    receiver.wait("resolved", 180, alertname="FeaturesStale", severity="page")


def test_a_row_that_is_there_twice_is_a_page(watched: Any, receiver: Any) -> None:
    with rows_twice(watched.env):
        told = receiver.wait("firing", 240, alertname="ConservationBroken", topic=EXTERNAL_ALERTS.name, severity="page")
    assert told["annotations"]["summary"] == f"Messages of {EXTERNAL_ALERTS.name} are lost or landed twice"
    receiver.wait("resolved", 240, alertname="ConservationBroken", topic=EXTERNAL_ALERTS.name)


def test_a_pipeline_that_stands_still_is_told_once(
    demo: Any, watched: Any, monitoring: Any, receiver_told_anew: Any, eventually: Eventually
) -> None:
    """Payments go on, and nobody runs fraud_pipeline: on the test stack its schedule is paused."""
    receiver_told_anew.wait("firing", 600, alertname="PipelineLate", severity="ticket")
    # both wait as long; whichever comes first, once the cause is told its consequence is silent
    eventually(lambda: monitoring.is_silenced(alertname="GoldStale"), 300, lambda: "the silenced ticket about Gold")
    # ten times as fast, Gold is stale after the time that one run takes: nobody pays any more while it catches up
    watched.stop("producer")
    watched.run(["fraud-stream", "conservation", "--wait", "180"])
    demo.run_pipeline()
    receiver_told_anew.wait("resolved", 180, alertname="PipelineLate")
    eventually(lambda: not monitoring.states(alertname="GoldStale"), 180, lambda: "Gold that is up to date")


@dataclass(frozen=True)
class DeltaLog:
    """The log of a table, for commits that no engine would make."""

    s3: Any
    bucket: str
    table_key: str

    def entries(self) -> list[str]:
        """Keys of the commits that are there, oldest first."""
        listed = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.table_key}/_delta_log/"
        )
        keys = [entry["Key"] for page in listed for entry in page["Contents"]]
        return sorted(key for key in keys if re.fullmatch(r"\d{20}\.json", key.rsplit("/", 1)[1]))

    def newest_file(self) -> dict[str, Any]:
        """What the log says of the data file that was added last."""
        for key in reversed(self.entries()):
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
            for line in body.splitlines():
                added: dict[str, Any] | None = json.loads(line).get("add")
                if added is not None:
                    return added
        raise AssertionError(f"{self.table_key} has no data file")

    def commit(self, action: dict[str, Any]) -> None:
        """Write the next entry; the table's own writer may be quicker, then the one after it."""
        version = int(self.entries()[-1].rsplit("/", 1)[1].removesuffix(".json"))
        for number in range(version + 1, version + 100):
            key = f"{self.table_key}/_delta_log/{number:020}.json"
            try:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(action).encode(), IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] != "PreconditionFailed":
                    raise
            else:
                return
        raise AssertionError("the table's writer is always quicker")


@contextmanager
def rows_twice(env: dict[str, str]) -> Iterator[None]:
    """The rows of one data file are in Bronze a second time, and then they are not any more."""
    s3 = boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        region_name=env["S3_REGION"],
        aws_access_key_id=env["MINIO_ROOT_USER"],
        aws_secret_access_key=env["MINIO_ROOT_PASSWORD"],
    )
    bucket = env["S3_BUCKET"]
    (stream,) = (one for one in Layout(bucket).streams if one.contract is EXTERNAL_ALERTS)
    log = DeltaLog(s3, bucket, stream.table_key)
    file = log.newest_file()
    copied = f"{file['path'].rsplit('/', 1)[0]}/twice-{uuid4()}.parquet"
    source = {"Bucket": bucket, "Key": f"{stream.table_key}/{unquote(file['path'])}"}
    s3.copy_object(Bucket=bucket, Key=f"{stream.table_key}/{unquote(copied)}", CopySource=source)
    log.commit({"add": file | {"path": copied}})
    try:
        yield
    finally:
        gone = {"path": copied, "deletionTimestamp": int(time.time() * 1000), "dataChange": True}
        log.commit({"remove": gone | {"partitionValues": file["partitionValues"], "size": file["size"]}})
