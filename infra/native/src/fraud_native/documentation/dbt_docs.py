"""``dbt docs`` as one file: every model, its columns, its SQL and the graph between them."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from fraud_native.paths import COMMANDS
from fraud_native.trino_client import connect

if TYPE_CHECKING:
    from trino.dbapi import Connection

_NEVER_BUILT = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")

# How often Trino is asked, as long as it cannot list a table that is there.
_LOOKS = 5


class DbtError(RuntimeError):
    """dbt could not write its documentation; the message holds what it said."""


def write_dbt_docs(variables: Mapping[str, str], folder: Path) -> str:
    """Writes ``site/dbt/index.html`` in a folder; returns what a reader of it should know, or nothing.

    It reads and never writes tables, so it takes no turn with the pipeline's runs, and its parse state and logs are its
    own. Without Trino there is no catalog: what the tables really hold.

    Raises:
        DbtError: dbt failed.
    """
    target = folder / "dbt"
    environment = {**os.environ, **variables, "DBT_LOG_PATH": str(target / "logs")}
    if _trino_answers(variables["TRINO_URL"]):
        for _ in range(_LOOKS):
            _dbt(["docs", "generate", "--static"], target, environment)
            missed = missed_tables(variables, target)
            if not missed:
                break
        remark = f"Trino could not list {', '.join(missed)} just now: run make docs again." if missed else ""
    else:
        _dbt(["parse"], target, environment)
        _dbt(["docs", "generate", "--static", "--no-compile", "--empty-catalog"], target, environment)
        remark = (
            f"Trino does not answer at {variables['TRINO_URL']}: the pages of dbt come without what the tables really "
            "hold. For those, run make phase3-up and then make docs again."
        )
    page = folder / "site" / "dbt" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target / "static_index.html", page)
    return remark


def missed_tables(variables: Mapping[str, str], target: Path) -> list[str]:
    """The models that were built and are not in dbt's catalog, by the names of their tables.

    With a pipeline running beside, Trino lists a schema without the tables that it cannot read at that moment.
    """
    manifest, catalog = (json.loads((target / name).read_text("utf-8")) for name in ("manifest.json", "catalog.json"))
    absent = [
        node["relation_name"]
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and name not in catalog["nodes"]
    ]
    if not absent:
        return []
    with connect(variables) as connection:
        return [relation for relation in absent if _was_built(connection, relation)]


def _was_built(connection: "Connection", relation: str) -> bool:
    from trino.exceptions import Error, TrinoQueryError  # noqa: PLC0415 - only where something is absent

    cursor = connection.cursor()
    try:
        cursor.execute(f"SELECT 1 FROM {relation} LIMIT 0")  # noqa: S608 - dbt's own name of its table
        cursor.fetchall()
    except TrinoQueryError as refused:
        return refused.error_name not in _NEVER_BUILT
    except (Error, OSError):
        return True  # asked again, dbt says what is wrong
    return True


def _dbt(arguments: list[str], target: Path, environment: Mapping[str, str]) -> None:
    command = [str(COMMANDS / "dbt"), "--no-use-colors", *arguments, "--target-path", str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DbtError(f"dbt {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _trino_answers(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/v1/info", timeout=20)
        return answer.is_success and not answer.json()["starting"]
    except (httpx.HTTPError, ValueError, KeyError):
        return False
