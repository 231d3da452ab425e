"""The dashboards as they are committed, and every metric that our own code defines."""

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
GRAFANA = Path(__file__).parents[1]
# what a name in the code becomes on the page, by the class that defines it
SUFFIXES = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
    "Summary": ("_sum", "_count"),
    "CounterMetricFamily": ("_total",),
    "GaugeMetricFamily": ("",),
}


@dataclass(frozen=True)
class Panel:
    """One panel that asks something, and the dashboard that it is on."""

    dashboard: str
    json: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.json['title']}"

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.json["targets"]]


@pytest.fixture(scope="session")
def render() -> ModuleType:
    """The script that renders the dashboards."""
    spec = importlib.util.spec_from_file_location("render", GRAFANA / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    found = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
    assert found, "there is no dashboard"
    return found


@pytest.fixture(scope="session")
def panels(dashboards: dict[str, dict[str, Any]]) -> list[Panel]:
    """Every panel but the rows that only group them."""
    return [
        Panel(name, panel)
        for name, dashboard in dashboards.items()
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    ]


@pytest.fixture(scope="session")
def own_metrics() -> dict[str, set[str] | None]:
    """Labels by exposed name of every metric that our packages define; ``None`` where the code computes them."""
    found: dict[str, set[str] | None] = {}
    for path in sorted(ROOT.glob("*/*/src/**/*.py")):
        for name, kind, labels in _definitions(path):
            for suffix in SUFFIXES[kind]:
                found[name.removesuffix("_total") + suffix] = labels
    return found


def _definitions(path: Path) -> Iterator[tuple[str, str, set[str] | None]]:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        kind = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if kind in SUFFIXES and isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name):
            given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg in ("labels", "labelnames"))]
            yield name, kind, _literal(given[0]) if given else set()


def _literal(node: ast.expr) -> set[str] | None:
    try:
        return set(ast.literal_eval(node))
    except ValueError:
        return None
