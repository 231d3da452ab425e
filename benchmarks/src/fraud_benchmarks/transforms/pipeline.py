"""The dbt steps of ``fraud_pipeline``, timed, in schemas of their own."""

import json
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from fraud_benchmarks.comparing import Say
from fraud_benchmarks.errors import BenchmarkError
from fraud_contracts import CATALOG

# as the DAG has them, from Bronze to Gold; its tests and what feeds the online store build no model
STEPS: Final = (
    ("seed",),
    ("run", "--select", "tag:staging"),
    ("run", "--select", "tag:intermediate"),
    ("run", "--select", "tag:marts"),
)
FULL_REFRESH: Final = "--full-refresh"
_BROKEN: Final = ("error", "fail", "runtime error")
_TAIL: Final = 3000
_PIECE: Final = re.compile(r"\w+: piece \d+ of \d+")
_SECONDS: Final = 10.0
# of a statement: what it writes stands at its beginning, after dbt's comment
_HEAD: Final = 600
# which models are worth a line of their own while a benchmark runs
_TOLD_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """What dbt and Trino say of one model of a build.

    ``rows_read`` are those that its statements read from tables, ``peak_memory`` the bytes that the largest of them
    held at once; None for a model that writes no table.
    """

    name: str
    seconds: float
    rows_read: int | None = None
    peak_memory: int | None = None

    def __str__(self) -> str:
        if self.rows_read is None or self.peak_memory is None:
            return f"{self.name} {self.seconds:.1f} s"
        return f"{self.name} {self.seconds:.1f} s, {self.rows_read:,} rows read, {self.peak_memory / 2**20:,.0f} MiB"


@dataclass(slots=True)
class Build:
    """One run of all steps: the seconds of their commands together, and the models in the order of their ends."""

    seconds: float = 0.0
    models: list[Model] = field(default_factory=list)

    def seconds_of(self, model: str) -> float | None:
        """Seconds that dbt spent on a model; None when the build did not have it."""
        return next((each.seconds for each in self.models if each.name == model), None)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """dbt on one set of schemas.

    Args of ``env``: the environment of the running stack, with DBT_TARGET_PATH and DBT_LOG_PATH of its own.
    """

    env: Mapping[str, str]
    schema_prefix: str

    def run(self, say: Say, *, full_refresh: bool) -> Build:
        """Run every step.

        Raises:
            BenchmarkError: a model cannot be built; the message names it and holds Trino's answer.
        """
        build = Build()
        for step in STEPS:
            refresh = (FULL_REFRESH,) if full_refresh and step[0] == "run" else ()
            since, begun = datetime.now(UTC), time.perf_counter()
            self._dbt(say, *step, *refresh)
            build.seconds += time.perf_counter() - begun
            for model in self._models(since):
                if model.seconds >= _TOLD_SECONDS:
                    say(f"    {model}")
                build.models.append(model)
        return build

    @property
    def _run_results(self) -> Path:
        return Path(self.env["DBT_TARGET_PATH"]) / "run_results.json"

    def _dbt(self, say: Say, *arguments: str) -> None:
        self._run_results.unlink(missing_ok=True)
        command = [f"{self.env['DBT_PROJECT_DIR']}/run-dbt", *arguments]
        command += ["--vars", json.dumps({"schema_prefix": self.schema_prefix})]
        said = ""
        with subprocess.Popen(
            command, env=dict(self.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            for line in running.stdout or ():
                said = (said + line)[-_TAIL:]
                # a model that is built in one piece says nothing before it is done
                if progress := _PIECE.search(line):
                    say(f"    {progress[0]}")
        if running.returncode:
            results = _read(self._run_results)
            raise BenchmarkError(f"dbt {' '.join(arguments)} failed: {failures(results) or said}")

    def _models(self, since: datetime) -> list[Model]:
        results = _read(self._run_results)
        queries = self._queries() if results else []
        found = []
        for result in results:
            name = _name(result)
            seen = statements_of(name, self.schema_prefix, since, queries)
            rows = sum(stats["rawInputPositions"] for stats in seen) if seen else None
            memory = max((_bytes(stats["peakUserMemoryReservation"]) for stats in seen), default=None)
            found.append(Model(name, result["execution_time"], rows, memory))
        return found

    def _queries(self) -> list[dict[str, Any]]:
        """What Trino remembers: all statements of the last minutes, and some before."""
        answer = httpx.get(f"{self.env['TRINO_URL']}/v1/query", headers={"X-Trino-User": "dbt"}, timeout=_SECONDS)
        answer.raise_for_status()
        queries: list[dict[str, Any]] = answer.json()
        return queries


def statements_of(
    model: str, schema_prefix: str, since: datetime, queries: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Trino's figures of the statements since a moment that wrote a model's table, or a temporary one for it."""
    table = rf'"{schema_prefix}\w+"\."{model}(__dbt_tmp)?"'
    writes = re.compile(rf'(create (or replace )?table|insert into|merge into)\s+"{CATALOG}"\.{table}', re.IGNORECASE)
    return [
        query["queryStats"]
        for query in queries
        if datetime.fromisoformat(query["queryStats"]["createTime"]) >= since and writes.search(query["query"][:_HEAD])
    ]


def _bytes(size: str) -> int:
    return int(size.removesuffix("B"))


def failures(results: list[dict[str, Any]]) -> str:
    """The models of a ``run_results.json`` that failed, each with Trino's answer; empty when none did."""
    broken = (result for result in results if result["status"] in _BROKEN)
    return "; ".join(f"{_name(result)}: {' '.join(str(result['message']).split())}" for result in broken)


def _name(result: dict[str, Any]) -> str:
    return str(result["unique_id"]).rpartition(".")[2]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    results: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results
