"""What dbt's tests of the data are there for, done to the data on the real Trino: each guard fails, by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TESTS = Path(__file__).parents[2] / "dbt_project" / "tests"


class Harm(NamedTuple):
    """A statement on ``{table}``, and the one test of dbt that is asked about it."""

    guard: str
    table: str
    sql: str


HARMS = {
    "a profile of tomorrow": Harm(
        "no_future_events",
        "gold.mart_fraud_features",
        "update {table} set profile_as_of = profile_as_of + interval '1' day",
    ),
    # which profiles have counted as known already
    "labels that come ten days later": Harm(
        "no_future_events", "silver.int_labels_as_of", "update {table} set known_us = known_us + 864000000000"
    ),
    "a payment of 2100": Harm(
        "no_future_events",
        "silver.int_transactions",
        "update {table} set event_time = timestamp '2100-01-01 00:00:00.000000' where transaction_id = 'T2'",
    ),
    "every mature payment a fraud": Harm(
        "fraud_rate_is_plausible", "silver.int_labels_as_of", "update {table} set is_fraud = true"
    ),
    "labels of other payments": Harm(
        "fraud_rate_is_plausible",
        "silver.int_labels_as_of",
        "update {table} set transaction_id = concat('other ', transaction_id)",
    ),
    "a payment less": Harm(
        "no_transaction_is_lost", "silver.int_transactions", "delete from {table} where transaction_id = 'T2'"
    ),
    "a later message kept": Harm(
        "first_message_wins",
        "silver.int_transactions",
        "update {table} set _kafka_timestamp = _kafka_timestamp + interval '1' hour where transaction_id = 'T2'",
    ),
    "labels that end with no other": Harm(
        "one_label_is_in_force", "silver.int_labels_as_of", "update {table} set superseded_us = known_us"
    ),
    "KYC records that never end": Harm(
        "one_kyc_record_is_in_force", "silver.int_kyc_as_of", "update {table} set superseded_us = null"
    ),
    "a cent more": Harm(
        "days_and_hours_add_up",
        "silver.int_user_daily",
        "update {table} set amount_cents = amount_cents + 1 where user_id = 'U0001'",
    ),
    "a decision less": Harm(
        "no_decision_is_lost", "gold.mart_decisions", "delete from {table} where transaction_id = 'T1'"
    ),
    "a message counted twice": Harm(
        "every_message_is_counted",
        "gold.mart_landing_daily",
        "update {table} set message_count = message_count + 1 where topic = 'labels.raw'",
    ),
    "a second row of an id": Harm(
        "unique_int_transactions_transaction_id",
        "silver.int_transactions",
        "insert into {table} select * from {table} where transaction_id = 'T1'",
    ),
    "a second row of a key of several columns": Harm(
        "unique_combination_mart_landing_daily_arrival_date__topic__outcome__reason",
        "gold.mart_landing_daily",
        "insert into {table} select * from {table} where topic = 'labels.raw'",
    ),
    "a key that is null": Harm(
        "never_null_mart_landing_daily_arrival_date__topic__outcome__reason",
        "gold.mart_landing_daily",
        "update {table} set topic = null where topic = 'labels.raw'",
    ),
    "an amount below zero": Harm(
        "not_negative_int_user_daily_amount_cents",
        "silver.int_user_daily",
        "update {table} set amount_cents = -1 where user_id = 'U0001'",
    ),
    "a place beyond the pole": Harm(
        "accepted_range_int_transactions_latitude__90___90",
        "silver.int_transactions",
        "update {table} set latitude = 90.5 where transaction_id = 'T2'",
    ),
    "cents that are not the amount": Harm(
        "int_transactions_cents_are_the_amount",
        "silver.int_transactions",
        "update {table} set amount_cents = amount_cents + 1 where transaction_id = 'T2'",
    ),
}
GUARDS = sorted({harm.guard for harm in HARMS.values()})


@pytest.fixture(scope="module")
def lake(stack: Any, lakes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Everything built from three days of payments, each with a label, every tenth a fraud; no guard finds fault."""
    labels = [
        lakes.Verdict(f"L{number}", paid.transaction_id, paid.minute + 600, number % 10 == 0, number, paid)
        for number, paid in enumerate(lakes.FIRST)
    ]
    with lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as made:
        # so that some of the three days are mature, and enough payments
        env = {**made.env, "FRAUD_FEATURES_LABEL_MATURITY_DAYS": "1"}
        lake = replace(made, env=env, settings={"fraud_rate_least": 100})
        lake.receive(lakes.FIRST, labels)
        lake.receive_others(lakes.FIRST_OTHERS)
        lake.decide(("T1", 1000), ("T2", 2000))
        lake.dbt("build", "--exclude-resource-type", "test", "unit_test")
        lake.dbt("test", "--select", *GUARDS)
        assert set(lake.outcomes().values()) == {"pass"}
        yield lake


@contextmanager
def harmed(lake: Any, harm: Harm) -> Iterator[None]:
    """The table as the harm makes it; afterwards it holds what it held before."""
    table, kept = f"{lake.prefix}{harm.table}", f"{lake.prefix}silver.kept"
    lake.query(f"create table {kept} as select * from {table}")
    try:
        lake.query(harm.sql.format(table=table))
        yield
    finally:
        lake.query(f"delete from {table}")
        lake.query(f"insert into {table} select * from {kept}")
        lake.query(f"drop table {kept}")


@pytest.mark.parametrize("what", HARMS)
def test_a_guard_fails_by_its_name(lake: Any, what: str) -> None:
    harm = HARMS[what]
    with harmed(lake, harm):
        process = lake.begin("test", "--select", harm.guard)
        said, _ = process.communicate(timeout=600)
    assert process.returncode == 1, said
    # the id of a generic test ends with a hash
    assert [(node.split(".")[2], outcome) for node, outcome in lake.outcomes().items()] == [(harm.guard, "fail")]
    assert f"Failure in test {harm.guard}" in said


def test_no_guard_and_no_kind_of_test_is_left_out(lake: Any) -> None:
    nodes = [node for node in lake.written("manifest.json")["nodes"].values() if node["name"] in GUARDS]
    assert sorted(node["name"] for node in nodes) == GUARDS
    assert {path.stem for path in TESTS.glob("*.sql")} <= set(GUARDS)
    kinds = {node["test_metadata"]["name"] for node in nodes if node.get("test_metadata")}
    assert kinds == {path.stem for path in (TESTS / "generic").glob("*.sql")}
