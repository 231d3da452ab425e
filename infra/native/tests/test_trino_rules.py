"""What Trino's rules say of tables that tell of a person, and of what training may write."""

import json
import re
from typing import Any

from fraud_contracts import BRONZE, KYC_PROFILES, field_names
from fraud_contracts.model_figures import MODEL_FIGURES_TABLE, MONITORING
from fraud_native.paths import ROOT

RULES: list[dict[str, Any]] = json.loads((ROOT / "infra/trino/etc/rules.json").read_text(encoding="utf-8"))["tables"]
# whoever looks around in the lakehouse sees that a profile changed and how, and not what it says of the person
PERSONAL = {
    *("birth_year", "annual_income", "occupation", "is_politically_exposed"),
    *("address_hash", "phone_hash", "email_hash"),
}
FOR_EVERY_READER = {
    *("kyc_change_id", "event_time", "user_id", "change_type", "valid_from", "customer_since", "country"),
    *("risk_rating", "verification_level"),
}


def rule_for(user: str, schema: str, table: str, catalog: str = "delta") -> dict[str, Any] | None:
    """The first rule that fits, as Trino looks for it."""
    asked = {"user": user, "catalog": catalog, "schema": schema, "table": table}
    return next(
        (rule for rule in RULES if all(re.fullmatch(rule.get(name, ".*"), value) for name, value in asked.items())),
        None,
    )


def hidden(user: str, table: str) -> set[str] | None:
    """Columns that a user may not read; None when he may not read the table at all."""
    rule = rule_for(user, BRONZE, table)
    if rule is None or "SELECT" not in rule["privileges"]:
        return None
    return {column["name"] for column in rule.get("columns", ()) if not column["allow"]}


def test_it_is_decided_of_every_field_whether_a_reader_sees_it() -> None:
    assert set(field_names(KYC_PROFILES)) == PERSONAL | FOR_EVERY_READER
    assert not PERSONAL & FOR_EVERY_READER


def test_who_reads_the_lakehouse_sees_nothing_personal_of_it_and_all_of_other_tables() -> None:
    assert hidden("reader", KYC_PROFILES.table) == PERSONAL
    assert hidden("reader", f"it_abc_{KYC_PROFILES.table}") == PERSONAL
    # the smallest and the greatest value of each column of a day
    assert hidden("reader", f"{KYC_PROFILES.table}$partitions") == {"data"}
    assert hidden("reader", "transactions") == set()


def test_others_do_not_see_the_table_at_all() -> None:
    for user in ("superset", "trainer", "prometheus", "somebody"):
        assert hidden(user, KYC_PROFILES.table) is None, user
    # whose models may read it one day
    assert hidden("dbt", KYC_PROFILES.table) == set()


def test_training_reads_decisions_without_who_was_meant_and_what_was_sent() -> None:
    rule = rule_for("trainer", "public", "decisions", catalog="postgres")
    assert rule is not None
    assert rule["privileges"] == ["SELECT"]
    assert {column["name"] for column in rule["columns"] if not column["allow"]} == {"user_id", "request"}
    assert rule_for("trainer", "public", "alembic_version", catalog="postgres") is None


def test_training_writes_how_the_model_fares_and_changes_nothing_that_was_written() -> None:
    rule = rule_for("trainer", MONITORING, MODEL_FIGURES_TABLE)
    assert rule is not None
    assert {"INSERT", "OWNERSHIP"} <= set(rule["privileges"])
    assert not {"DELETE", "UPDATE"} & set(rule["privileges"])
    for schema in ("bronze", "silver", "gold", "operations"):
        other = rule_for("trainer", schema, "int_labels_as_of")
        assert other is None or other["privileges"] == ["SELECT"], schema
