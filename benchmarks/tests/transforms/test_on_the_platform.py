"""A short history through Kafka, Bronze, Silver and Gold on the real components; what is wrong there is found."""

from collections.abc import Iterator
from typing import Any

import pytest

from fraud_benchmarks.b4_transforms import SERVICES
from fraud_benchmarks.bronze.landed import Landed
from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.transforms.history import History, history
from fraud_benchmarks.transforms.sizes import END_US, HOUR_US, Sizes
from fraud_contracts import CATALOG
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Layout

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOTHING = Landed(0, 0)
FEATURES = "gold.mart_fraud_features"


@pytest.fixture(scope="module")
def platform(stack: Any) -> PlatformStack:
    stack.need(*SERVICES)
    made = PlatformStack()
    made.env = stack.env
    made.work.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def lakehouse(platform: PlatformStack) -> Iterator[Lakehouse]:
    with Lakehouse(platform.env["TRINO_URL"]) as made:
        yield made


@pytest.fixture(scope="module")
def built(platform: PlatformStack, lakehouse: Lakehouse, said: list[str]) -> Iterator[History]:
    with history(platform, lakehouse, "small", Sizes(6_000, 3_000).long(), said.append) as made:
        assert made.land(END_US) == NOTHING
        made.build(full_refresh=True)
        yield made


def test_an_increment_makes_what_a_rebuild_makes_and_all_that_is_wrong_is_found(
    built: History, lakehouse: Lakehouse, said: list[str]
) -> None:
    before = dict(built.bronze)
    assert built.layers() == NOTHING
    assert built.land(END_US + HOUR_US) == NOTHING
    assert built.bronze["transactions"] > before["transactions"] > 5_000

    increment = built.build(full_refresh=False)
    assert built.layers() == NOTHING
    made = built.lake.contents()
    assert built.bronze["transactions"] == made["silver.int_transactions"].rows == made[FEATURES].rows

    # a row that the increment did not make, one that it made wrong, and one that is there twice
    table = f"{CATALOG}.{built.lake.prefix}{FEATURES}"
    some = f"(SELECT min(transaction_id) FROM {table})"
    lakehouse.query(f"UPDATE {table} SET event_us = event_us + 1 WHERE transaction_id = {some}")
    changed = built.lake.contents()
    lakehouse.query(f"INSERT INTO {table} SELECT * FROM {table} WHERE transaction_id = {some}")
    assert built.layers() == Landed(0, 1)
    assert f"{FEATURES} lacks 0 rows of Bronze and has 1 too many" in said[-1]
    lakehouse.query(f"DELETE FROM {table} WHERE transaction_id = {some}")
    assert built.layers() == Landed(1, 0)

    refresh = built.build(full_refresh=True)
    assert built.compared(made) == NOTHING
    assert built.compared(changed) == Landed(1, 1)
    assert FEATURES in said[-1]

    for build in (increment, refresh):
        seconds = build.seconds_of("mart_fraud_features")
        assert seconds is not None
        assert 0 < seconds < build.seconds
        (features,) = (model for model in build.models if model.name == "mart_fraud_features")
        assert features.rows_read
        assert features.peak_memory


def test_nothing_is_left(platform: PlatformStack, lakehouse: Lakehouse, said: list[str]) -> None:
    with history(platform, lakehouse, "gone", Sizes(600, 300).long(), said.append) as made:
        made.land(END_US)
        namespace = made.writer.layout.namespace
        with pytest.raises(BenchmarkError, match="dbt seed failed"):
            made.pipeline.__class__({**made.pipeline.env, "TRINO_URL": "http://127.0.0.1:1"}, namespace).run(
                said.append, full_refresh=True
            )
    schemas = [row[0] for row in lakehouse.query(f"SHOW SCHEMAS FROM {CATALOG}")]
    assert not [schema for schema in schemas if schema.startswith(namespace)]
    layout = Layout(platform.env["S3_BUCKET"], namespace)
    s3 = made.writer.s3
    for key in layout.tables().values():
        assert not s3.list_objects_v2(Bucket=layout.bucket, Prefix=f"{key}/").get("Contents")
