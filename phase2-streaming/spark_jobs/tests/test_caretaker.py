"""What the background maintenance tells of its rounds; what it does to tables is tested on real ones."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fraud_stream.errors import LeaseError, ModelRegistryError
from fraud_stream.maintenance import Caretaker, MaintainedTable
from fraud_stream.progress import StreamMetrics

TABLES = [MaintainedTable("good", "there"), MaintainedTable("broken", "there")]


class Breaks:
    """Maintains every table but one."""

    def maintain(self, table: MaintainedTable, _: Any) -> None:
        if table.name == "broken":
            raise ConnectionError("the store is away")


def rounds(**changes: Callable[[], Any]) -> dict[str, set[str]]:
    """The tables that are told as maintained and as failed after one round."""
    metrics = StreamMetrics(CollectorRegistry())
    asked: dict[str, Any] = {"pins": dict, "may_write": lambda: None, **changes}
    maintenance: Any = Breaks()
    Caretaker(maintenance, TABLES, interval_seconds=1, metrics=metrics, **asked).go_round()
    return {
        outcome: {
            sample.labels["table"]
            for metric in metrics.registry.collect()
            for sample in metric.samples
            if sample.name == f"fraud_stream_maintenance_last_{outcome}_timestamp_seconds"
        }
        for outcome in ("success", "failure")
    }


def raising(error: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


def test_each_table_is_told_by_itself() -> None:
    assert rounds() == {"success": {"good"}, "failure": {"broken"}}


@pytest.mark.parametrize(
    "changes",
    [{"pins": raising(ModelRegistryError("away"))}, {"may_write": raising(LeaseError("lost"))}],
    ids=["nobody knows what models name", "the lease is lost"],
)
def test_a_round_that_cannot_be_made_is_a_failure_of_every_table(changes: dict[str, Callable[[], Any]]) -> None:
    assert rounds(**changes) == {"success": set(), "failure": {"good", "broken"}}
