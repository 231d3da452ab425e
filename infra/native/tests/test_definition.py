from graphlib import TopologicalSorter

import pytest

from fraud_native import definition
from fraud_native.definition import Condition, UnknownServiceError

PHASES = (1, 2, 3, 4, 5)


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_holds_everything_that_its_services_require(phase: int) -> None:
    chosen = definition.of_phases([phase])
    assert definition.with_dependencies(chosen) == chosen


def test_every_service_belongs_to_a_phase() -> None:
    assert definition.of_phases(PHASES) == list(definition.services())


def test_the_start_order_has_no_circle_and_puts_dependencies_first() -> None:
    order = list(TopologicalSorter(definition.start_order(definition.services().values())).static_order())
    assert set(order) == set(definition.services())
    for service in definition.services().values():
        for edge in service.dependencies:
            assert order.index(edge.service) < order.index(service.name)


def test_one_shots_are_waited_for_until_they_end_and_services_until_they_answer() -> None:
    for service in definition.services().values():
        for edge in service.dependencies:
            target = definition.services()[edge.service]
            assert edge.condition is (Condition.COMPLETED if target.one_shot else Condition.HEALTHY)


def test_a_dependency_that_is_not_required_is_left_out_unless_asked_for() -> None:
    alone = definition.with_dependencies(["lakehouse-init"])
    assert "bronze-writer" not in alone
    chosen = [definition.services()[name] for name in [*alone, "bronze-writer"]]
    assert "bronze-writer" in definition.start_order(chosen)["lakehouse-init"]


@pytest.mark.parametrize(
    ("phase", "held", "left_out"),
    [
        (1, {"kafka", "schema-registry", "producer"}, {"minio", "trino", "redis"}),
        (2, {"bronze-writer", "minio-init"}, {"producer", "trino", "mlflow"}),
        (3, {"bronze-writer", "trino", "airflow-scheduler", "redis"}, {"producer", "mlflow", "api"}),
        (4, {"api", "feature-writer", "mlflow"}, {"producer", "trino", "airflow-scheduler"}),
        (5, {"prometheus", "lag-exporter", "api", "producer", "airflow-scheduler", "bronze-writer"}, set()),
    ],
)
def test_a_phase_starts_what_it_needs_and_no_more(phase: int, held: set[str], left_out: set[str]) -> None:
    chosen = set(definition.of_phases([phase]))
    assert held <= chosen
    assert not left_out & chosen


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownServiceError, match=r"no service is called 'kafak'; there are: postgres, .*kafka"):
        definition.with_dependencies(["kafak"])
    with pytest.raises(UnknownServiceError, match="no phase 9"):
        definition.of_phases([9])
