"""docs/lineage.md draws the topics, models and exposures that exist, with the arrows that they have."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fraud_contracts import RAW_TOPICS

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "phase3-transforms" / "dbt_project"
PAGE = (ROOT / "docs" / "lineage.md").read_text(encoding="utf-8")
DRAWING = PAGE.partition("```mermaid\n")[2].partition("```")[0]
TABLES = PAGE.partition("## What each one is")[2]
# what the drawing calls each node
NAMES = {node: label.partition(":")[0] for node, label in re.findall(r'^ +(\w+)\["(.+)"\]$', DRAWING, re.MULTILINE)}
ARROWS = {(NAMES[start], NAMES[end]) for start, end in re.findall(r"^ +(\w+) --> (\w+)$", DRAWING, re.MULTILINE)}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest that ``dbt parse`` writes."""
    target = tmp_path_factory.mktemp("dbt")
    environment = {
        **os.environ,
        "TRINO_URL": "http://127.0.0.1:1",
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_LOG_PATH": str(target / "logs"),
    }
    command = [str(ROOT / ".venv/bin/dbt"), "--no-use-colors", "parse", "--target-path", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4000:]
    read: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return read


def names_by_id(manifest: dict[str, Any]) -> dict[str, str]:
    """Name in the drawing of everything that dbt knows to read from another, or to be read."""
    names = {
        node_id: node["name"]
        for node_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }
    names |= {
        source_id: f"{source['source_name']}.{source['name']}" for source_id, source in manifest["sources"].items()
    }
    return names | {exposure_id: exposure["name"] for exposure_id, exposure in manifest["exposures"].items()}


def test_the_drawing_has_every_model_source_and_exposure_with_its_arrows(manifest: dict[str, Any]) -> None:
    names = names_by_id(manifest)
    readers = {**manifest["nodes"], **manifest["exposures"]}
    expected = {
        (names[parent], names[child])
        for child in names.keys() & readers.keys()
        for parent in readers[child]["depends_on"].get("nodes", [])
    }
    known = set(names.values())
    drawn = {(start, end) for start, end in ARROWS if start in known and end in known}
    assert known - set(NAMES.values()) == set()
    assert sorted(expected - drawn) == [], "not drawn"
    assert sorted(drawn - expected) == [], "drawn, but dbt knows no such dependency"


def test_no_model_is_drawn_that_does_not_exist(manifest: dict[str, Any]) -> None:
    models = {name for name in NAMES.values() if re.match(r"(stg|int|mart)_", name)}
    assert models - set(names_by_id(manifest).values()) == set()


def test_every_topic_is_drawn_with_its_table_and_its_dead_letters() -> None:
    for topic in RAW_TOPICS:
        assert (topic.name, f"bronze.{topic.table}") in ARROWS
        assert (topic.name, "bronze.quarantine") in ARROWS
        assert ("bronze.quarantine", topic.dead_letter_topic) in ARROWS
    drawn = {name for name in NAMES.values() if name.endswith((".raw", ".dlq"))}
    assert drawn == {name for topic in RAW_TOPICS for name in (topic.name, topic.dead_letter_topic)}


def test_the_tables_say_of_each_what_it_is(manifest: dict[str, Any]) -> None:
    rows = {
        name for first in re.findall(r"^\| (.+?) \|", TABLES, re.MULTILINE) for name in re.findall(r"`([^`]+)`", first)
    }
    applications = {"model_training", "online_profiles"}  # in the tables by what they write
    expected = set(names_by_id(manifest).values()) - applications
    expected |= {name for topic in RAW_TOPICS for name in (topic.name, topic.dead_letter_topic)}
    assert expected - rows == set()
    written = {name for name in rows if re.match(r"(stg|int|mart)_", name)}
    assert written - expected == set()
