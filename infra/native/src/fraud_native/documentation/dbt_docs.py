"""``dbt docs`` as one file: every model, its columns, its SQL and the graph between them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx

from fraud_native.paths import COMMANDS


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
        _dbt(["docs", "generate", "--static"], target, environment)
        remark = ""
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
