"""``dbt docs`` as one file: every model, its columns, its SQL and the graph between them."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx

from fraud_native.paths import COMMANDS

# with a pipeline running beside, a table may be missing once; one that was never built is missing each time
_CATALOG_TRIES = 2


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
    with_catalog = _trino_answers(variables["TRINO_URL"])
    if with_catalog:
        for _ in range(_CATALOG_TRIES):
            _dbt(["docs", "generate", "--static"], target, environment)
            if not _missing_in_catalog(target):
                break
    else:
        _dbt(["parse"], target, environment)
        _dbt(["docs", "generate", "--static", "--no-compile", "--empty-catalog"], target, environment)
    page = folder / "site" / "dbt" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target / "static_index.html", page)
    if with_catalog:
        return ""
    return (
        f"Trino does not answer at {variables['TRINO_URL']}: the pages of dbt come without what the tables really "
        "hold. For those, run make phase3-up and then make docs again."
    )


def _missing_in_catalog(target: Path) -> set[str]:
    """Models without columns: Trino lists a schema without the tables that it cannot read at that moment."""
    manifest, catalog = (json.loads((target / name).read_text("utf-8")) for name in ("manifest.json", "catalog.json"))
    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    return models - set(catalog["nodes"])


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
