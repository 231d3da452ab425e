"""The S3 client for the few objects that are not Delta's: checkpoint metadata and the lease."""

from typing import Any, Protocol

import boto3
from botocore.config import Config
from pydantic import SecretStr


class Access(Protocol):
    """Where the object store is, and as whom to ask it."""

    @property
    def s3_endpoint_url(self) -> str: ...
    @property
    def s3_region(self) -> str: ...
    @property
    def s3_access_key(self) -> str: ...
    @property
    def s3_secret_key(self) -> SecretStr: ...


def holds_any(s3: Any, bucket: str, prefix: str) -> bool:
    """Whether the bucket holds an object under ``prefix``."""
    return int(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]) > 0


def connect(access: Access) -> Any:
    """A boto3 S3 client with short timeouts and no retries of its own: the lease must know when it waits."""
    return boto3.client(
        "s3",
        endpoint_url=access.s3_endpoint_url,
        region_name=access.s3_region,
        aws_access_key_id=access.s3_access_key,
        aws_secret_access_key=access.s3_secret_key.get_secret_value(),
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=3,
            read_timeout=5,
            retries={"total_max_attempts": 1},
        ),
    )
