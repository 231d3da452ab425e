"""What dbt itself makes of the project, without a database: layers, keys, documentation."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fraud_contracts import QUARANTINE_TABLE, RAW_TOPICS

PROJECT = Path(__file__).parents[1] / "dbt_project"
COMMANDS = Path(__file__).parents[2] / ".venv" / "bin"
LAYERS = ("staging", "intermediate", "marts")
# what a model of a layer may read; staging alone reads Bronze
READS = {"staging": set(), "intermediate": {"staging", "intermediate", "seeds"}, "marts": {"intermediate", "marts"}}
SCHEMAS = {"staging": "silver", "intermediate": "silver", "marts": "gold", "seeds": "silver"}
PREFIXES = {"staging": "stg_", "intermediate": "int_", "marts": "mart_"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest that ``dbt parse`` writes."""
    target = tmp_path_factory.mktemp("dbt")
    done = subprocess.run(
        [str(COMMANDS / "dbt"), "--no-use-colors", "parse", "--target-path", str(target), "--show-all-deprecations"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "TRINO_URL": "http://127.0.0.1:1",
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_LOG_PATH": str(target / "logs"),
        },
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "[WARNING]" not in done.stdout, done.stdout
    read: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return read


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: dict[str, Any]) -> str:
    return "seeds" if node["resource_type"] == "seed" else node["path"].split("/")[0]


def data_tests_of(manifest: dict[str, Any], node_id: str) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("attached_node") == node_id
    ]


def test_it_parses_without_a_package(manifest: dict[str, Any]) -> None:
    assert {node["package_name"] for node in manifest["nodes"].values()} == {"fraud_watch"}
    assert not (PROJECT / "packages.yml").exists()


def test_schemas_are_named_exactly_as_the_layers(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] in ("model", "seed"):
            assert node["schema"] == SCHEMAS[layer(node)], node["name"]
            assert node["database"] == "delta"
    places = {(source["database"], source["schema"]) for source in manifest["sources"].values()}
    assert places == {("delta", "bronze"), ("postgres", "public")}


def test_no_model_reaches_over_a_layer(manifest: dict[str, Any]) -> None:
    jumps = []
    for model in models(manifest):
        for parent_id in model["depends_on"]["nodes"]:
            if parent_id.startswith("source."):
                allowed = layer(model) == "staging"
            else:
                allowed = layer(manifest["nodes"][parent_id]) in READS[layer(model)]
            if not allowed:
                jumps.append(f"{model['name']} reads {parent_id}")
    assert jumps == []


def test_every_table_of_bronze_is_staged_and_its_messages_counted(manifest: dict[str, Any]) -> None:
    counted = manifest["nodes"]["model.fraud_watch.int_landing_by_partition"]["depends_on"]["nodes"]
    # by the model that is counted: another one may stage the table as well
    staged = {
        manifest["sources"][parent]["name"]: model
        for model in models(manifest)
        for parent in model["depends_on"]["nodes"]
        if parent.startswith("source.fraud_watch.bronze.") and model["unique_id"] in counted
    }
    assert set(staged) == {QUARANTINE_TABLE, *(topic.table for topic in RAW_TOPICS)}
    for topic in RAW_TOPICS:
        # a message is repeated when the id that its contract names was there before
        assert re.search(rf"\b{topic.id_field}\b", staged[topic.table]["raw_code"]), topic.name


def test_what_trino_hides_of_bronze_no_model_passes_on(manifest: dict[str, Any]) -> None:
    """A view reads with the rights of who made it: a column that is hidden in Bronze would be open in Silver."""
    rules = json.loads((PROJECT.parents[1] / "infra/trino/etc/rules.json").read_text(encoding="utf-8"))["tables"]
    of_bronze = [rule for rule in rules if rule.get("schema", "").endswith("bronze")]
    hidden = {column["name"] for rule in of_bronze for column in rule.get("columns", ()) if not column["allow"]}
    hidden -= {"data"}
    assert len(hidden) >= 7
    passed_on = [
        f"{model['name']}: {column}"
        for model in models(manifest)
        for column in hidden
        if re.search(rf"\b{column}\b", model["raw_code"]) or column in model["columns"]
    ]
    assert passed_on == []


def test_names_and_tags_tell_the_layer(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        assert model["name"].startswith(PREFIXES[layer(model)])
        assert layer(model) in model["tags"]


def test_every_model_is_a_twin_of_sql_and_yaml_that_says_its_grain(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        assert model["patch_path"], f"{model['name']} has no YAML"
        assert Path(model["patch_path"]).stem == model["name"]
        assert "one row per" in model["description"].lower(), f"{model['name']} does not say its grain"


def test_every_column_is_described(manifest: dict[str, Any]) -> None:
    silent = [
        f"{model['name']}.{name}"
        for model in models(manifest)
        for name, column in model["columns"].items()
        if not column["description"]
    ]
    assert silent == []


def test_every_model_has_its_key_tested(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        generic = [test for test in data_tests_of(manifest, model["unique_id"]) if test.get("test_metadata")]
        keys = [key for test in generic if (key := _key(test))]
        assert keys, f"{model['name']} has no test of its key"
        looked_at = {
            column
            for test in generic
            if test["test_metadata"]["name"] == "never_null"
            for column in test["test_metadata"]["kwargs"]["columns"]
        }
        refused = {
            name
            for name, column in model["columns"].items()
            if model["config"]["materialized"] != "view"
            and any(constraint["type"] == "not_null" for constraint in column["constraints"])
        }
        assert any(key <= looked_at | refused for key in keys), f"{model['name']} lets its key be null"


def _key(test: dict[str, Any]) -> set[str]:
    """The columns that a test says are unique together."""
    if test["test_metadata"]["name"] == "unique_combination":
        return set(test["test_metadata"]["kwargs"]["columns"])
    return {test["column_name"]} if test["test_metadata"]["name"] == "unique" else set()


def test_incremental_models_merge_and_refuse_a_silent_change_of_columns(manifest: dict[str, Any]) -> None:
    incremental = [model for model in models(manifest) if model["config"]["materialized"] == "incremental"]
    assert len(incremental) >= 4
    for model in incremental:
        assert model["config"]["incremental_strategy"].startswith("merge"), model["name"]
        assert model["config"]["on_schema_change"] == "fail", model["name"]
        assert model["config"]["unique_key"], model["name"]
        assert model["config"]["contract"]["enforced"], model["name"]


def test_every_model_has_a_contract(manifest: dict[str, Any]) -> None:
    # views of a definition that has one; rendered with the same columns, which their own tests hold
    rendered = {"mart_user_profile_current", "mart_merchant_risk_current", "mart_category_profile_current"}
    without = {model["name"] for model in models(manifest) if not model["config"]["contract"]["enforced"]}
    assert without == rendered


def test_a_table_that_is_rebuilt_whole_leaves_its_nulls_to_tests(manifest: dict[str, Any]) -> None:
    """Created from a query it takes no constraints: one that is written down would hold nothing."""
    whole = [model for model in models(manifest) if model["config"]["materialized"] == "table"]
    assert len(whole) >= 4
    constrained = [model["name"] for model in whole for column in model["columns"].values() if column["constraints"]]
    assert constrained == []


def test_no_model_asks_a_clock() -> None:
    clocks = ("current_timestamp", "current_date", "localtimestamp", "now()", "run_started_at")
    found = [
        f"{path.name}: {clock}"
        for folder in ("models", "macros", "tests")
        for path in (PROJECT / folder).rglob("*.sql")
        for clock in clocks
        if clock in path.read_text(encoding="utf-8").lower()
    ]
    assert found == []


def test_there_are_enough_data_tests_and_unit_tests(manifest: dict[str, Any]) -> None:
    data_tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    assert len(data_tests) >= 40
    assert len(manifest["unit_tests"]) >= 8


def test_every_mart_serves_somebody(manifest: dict[str, Any]) -> None:
    exposed = {parent for exposure in manifest["exposures"].values() for parent in exposure["depends_on"]["nodes"]}
    read = {parent for model in models(manifest) for parent in model["depends_on"]["nodes"]}
    unused = [model["name"] for model in models(manifest) if model["unique_id"] not in exposed | read]
    assert unused == []
