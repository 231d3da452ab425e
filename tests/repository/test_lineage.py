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
# what the tables call a reader that is no model; all others are dashboards of Superset
READERS = {
    "lakehouse_figures": "lag exporter",
    "model_training": "training",
    "monitoring.model_figures": "DAG `model_monitoring`",
    "online_profiles": "push to Redis",
}


def tables() -> list[list[list[str]]]:
    """The cells of every table below the drawing, row by row, its header first."""
    found: list[list[list[str]]] = [[]]
    for line in TABLES.splitlines():
        if not line.startswith("|"):
            found += [[]] if found[-1] else []
        elif not line.startswith("|---"):
            found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return [table for table in found if table]


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


def test_every_row_of_the_tables_has_the_cells_of_its_header() -> None:
    assert len(tables()) >= 5
    assert [row for header, *rows in tables() for row in rows if len(row) != len(header) or "" in row] == []


def test_every_name_has_one_row() -> None:
    names = [name for _, *rows in tables() for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_the_tables_say_who_reads_a_model_as_it_is_drawn(manifest: dict[str, Any]) -> None:
    ours = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")}
    said = {row[0].strip("`"): row[2] for header, *rows in tables() for row in rows if header[2] == "read by"}
    wrong = {}
    for name in ours:
        drawn = {end for start, end in ARROWS if start == name}
        told = {reader for reader in re.findall(r"`([^`]+)`", said[name]) if reader in ours}
        # "every mart of payments" names them all
        left_out = {reader for reader in drawn & ours - told if "every mart" not in said[name] or "mart_" not in reader}
        untold = {READERS.get(reader, "Superset") for reader in drawn - ours}
        if found := (told - drawn) | left_out | {word for word in untold if word not in said[name]}:
            wrong[name] = sorted(found)
    assert wrong == {}
