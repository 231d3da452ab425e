"""The dashboards as they are committed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

GRAFANA = Path(__file__).parents[1]


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
def render(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """The script that renders the dashboards."""
    return load_script(GRAFANA / "render.py")


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
