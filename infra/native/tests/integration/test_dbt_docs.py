"""A table that Trino did not list is asked for again; one that was never built is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from fraud_native.documentation.dbt_docs import missed_tables

pytestmark = pytest.mark.integration

# it is there on every platform, and dbt's catalog never holds it
THERE = '"delta"."information_schema"."tables"'


@pytest.mark.parametrize(
    ("absent", "missed"),
    [
        ([], []),
        (['"delta"."gold"."never_built"'], []),
        (['"delta"."no_such_schema"."never_built"'], []),
        ([THERE], [THERE]),
        (['"delta"."gold"."never_built"', THERE], [THERE]),
    ],
)
def test_only_what_was_built_can_be_missed(stack: Any, tmp_path: Path, absent: list[str], missed: list[str]) -> None:
    stack.need("trino")
    listed = {"model.listed": {"resource_type": "model", "relation_name": '"delta"."gold"."listed"'}}
    others = {f"model.{relation}": {"resource_type": "model", "relation_name": relation} for relation in absent}
    tests = {"test.a_test": {"resource_type": "test", "relation_name": None}}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": listed | others | tests}), encoding="utf-8")
    (tmp_path / "catalog.json").write_text(json.dumps({"nodes": {"model.listed": {}}}), encoding="utf-8")
    assert missed_tables(stack.env, tmp_path) == missed
