"""A Bronze stream of its own on the test stack: topics, schemas, tables and checkpoints under a namespace per run."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from fraud_contracts import TRANSACTIONS
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.settings import PlatformSettings, WriterSettings
from fraud_stream.streams import Layout, Stream


@pytest.fixture(scope="session")
def bronze_stream(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """The module beside this one."""
    return load_script(Path(__file__).with_name("bronze_stream.py"))


@pytest.fixture(scope="session")
def signals(load_script: Callable[[Path], ModuleType], pytestconfig: pytest.Config) -> ModuleType:
    return load_script(pytestconfig.rootpath / "tests/process_signals.py")


@pytest.fixture(scope="session")
def unused_port(bronze_stream: ModuleType) -> Callable[[], int]:
    found: Callable[[], int] = bronze_stream.free_port
    return found


@pytest.fixture(scope="session")
def platform(stack: Any) -> dict[str, str]:
    """Environment of the running test stack."""
    stack.need("kafka", "schema-registry", "minio-init", "lakehouse-init")
    environment: dict[str, str] = stack.env
    return environment


@pytest.fixture(scope="module")
def environment(
    platform: dict[str, str], bronze_stream: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Environment of a Bronze writer with a namespace, a ledger and ports of its own."""
    found: dict[str, str] = bronze_stream.own_environment(platform, tmp_path_factory.mktemp("stream"))
    return found


@pytest.fixture(scope="module")
def layout(environment: dict[str, str]) -> Layout:
    return Layout(environment["S3_BUCKET"], environment["FRAUD_STREAM_NAMESPACE"])


@pytest.fixture(scope="module")
def transactions(layout: Layout) -> Stream:
    return next(stream for stream in layout.streams if stream.contract is TRANSACTIONS)


@pytest.fixture(scope="module")
def writer_settings(environment: dict[str, str]) -> WriterSettings:
    return WriterSettings.model_validate(environment)


@pytest.fixture(scope="module")
def platform_settings(environment: dict[str, str]) -> PlatformSettings:
    return PlatformSettings.model_validate(environment)


@pytest.fixture(scope="module")
def bucket(platform: dict[str, str]) -> Any:
    """The bucket as its owner sees it, for looking, breaking and cleaning up."""
    session = boto3.Session(platform["MINIO_ROOT_USER"], platform["MINIO_ROOT_PASSWORD"])
    s3 = session.resource("s3", endpoint_url=platform["S3_ENDPOINT_URL"], region_name=platform["S3_REGION"])
    return s3.Bucket(platform["S3_BUCKET"])


@pytest.fixture(scope="module")
def feed(environment: dict[str, str], layout: Layout, bronze_stream: ModuleType) -> Iterator[Any]:
    feed = bronze_stream.Feed(environment, layout)
    feed.create()
    yield feed
    feed.remove()


@pytest.fixture(scope="module")
def driver(
    environment: dict[str, str],
    layout: Layout,
    bucket: Any,
    bronze_stream: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A driver that is not started yet; at the end it is stopped and its tables are removed."""
    driver = bronze_stream.Driver(environment, tmp_path_factory.mktemp("driver") / "bronze-writer.log")
    yield driver
    if driver.process is not None and driver.process.poll() is None:
        driver.end(signal.SIGKILL)
    bronze_stream.remove_stream(environment, layout, bucket)


@pytest.fixture(scope="module")
def exporter(
    environment: dict[str, str], bronze_stream: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A lag exporter that watches this module's stream through all that happens to it."""
    exporter = bronze_stream.Exporter(environment, tmp_path_factory.mktemp("exporter") / "lag-exporter.log")
    process = exporter.start()
    yield exporter
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.fixture
def trino(environment: dict[str, str]) -> Iterator[Any]:
    with Lakehouse(environment["TRINO_URL"]) as lakehouse:
        yield lakehouse
