"""Renders the Grafana dashboards: ``panels/*.yml`` say what a panel asks and means, this says what all panels share.

Run ``.venv/bin/python phase5-analytics/grafana/render.py`` after a change and commit both; a test renders anew and
compares. The result is the JSON model of the Grafana that ``.env.example`` pins.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
PANELS: Final = HERE / "panels"
DASHBOARDS: Final = HERE / "dashboards"

SCHEMA_VERSION: Final = 42
DATA_SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
TAG: Final = "fraud-watch"
# where `make docs` answers, until the reader of a dashboard changes the variable
DOCS: Final = "http://127.0.0.1:8097"
COLUMNS: Final = 24
HEIGHTS: Final = {"stat": 4, "bargauge": 8, "timeseries": 8}
# one figure is asked for as of now: the last value of a source that fell silent an hour ago is not the state
INSTANT: Final = ("stat", "bargauge")


def dashboard(spec: dict[str, Any]) -> dict[str, Any]:
    """The JSON model of one file of ``panels``."""
    return {
        "annotations": {"list": []},
        "description": f"{spec['description']} (Rendered from panels/*.yml by render.py; do not edit the JSON.)",
        "editable": False,
        "graphTooltip": 1,
        "id": None,
        "links": [
            _link("Dashboards", type="dashboards", tags=[TAG], as_dropdown=True, keep_time=True),
            _link("Documentation", url="${docs}/", icon="doc"),
        ],
        "panels": list(_laid_out(spec["rows"])),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": {"list": [_docs_variable()]},
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "title": spec["title"],
        "uid": spec["uid"],
        "version": 1,
    }


def _laid_out(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows and panels in reading order, each where the one before it ends."""
    top = number = 0
    for row in rows:
        number += 1
        yield {
            "type": "row",
            "id": number,
            "title": row["title"],
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        top, left, height = top + 1, 0, 0
        for spec in row["panels"]:
            number += 1
            width = spec["width"]
            if left + width > COLUMNS:
                top, left, height = top + height, 0, 0
            position = {"x": left, "y": top, "w": width, "h": HEIGHTS[spec["type"]]}
            yield _panel(spec, number, position)
            left, height = left + width, max(height, position["h"])
        top += height


def _panel(spec: dict[str, Any], number: int, position: dict[str, int]) -> dict[str, Any]:
    runbook = spec.get("runbook")
    where = f" Runbook: docs/runbooks/{runbook}.md" if runbook else ""
    return {
        "type": spec["type"],
        "id": number,
        "title": spec["title"],
        "description": " ".join(spec["description"].split()) + where,
        "gridPos": position,
        "datasource": DATA_SOURCE,
        "targets": [
            _target(query, chr(ord("A") + place), instant=spec["type"] in INSTANT)
            for place, query in enumerate(spec["queries"])
        ],
        "fieldConfig": {"defaults": _field(spec), "overrides": []},
        "options": OPTIONS[spec["type"]],
        "links": [_link(f"Runbook: {runbook}", url=f"${{docs}}/runbooks/{runbook}.html")] if runbook else [],
    }


def _target(query: dict[str, str], letter: str, *, instant: bool) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": DATA_SOURCE,
        "editorMode": "code",
        "expr": " ".join(query["expr"].split()),
        "legendFormat": query["legend"],
        "instant": instant,
        "range": not instant,
    }


def _field(spec: dict[str, Any]) -> dict[str, Any]:
    thresholds = spec.get("thresholds", {})
    field: dict[str, Any] = {
        "unit": spec["unit"],
        # where a limit has a meaning the colour says so; everything else stays neutral
        "color": {"mode": "thresholds" if spec["type"] in INSTANT else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"color": spec.get("base", "green" if thresholds else "blue"), "value": None}]
            + [{"color": color, "value": value} for color, value in thresholds.items()],
        },
        "mappings": [
            {"type": "value", "options": {str(value): {"text": text} for value, text in spec["values"].items()}}
        ]
        if "values" in spec
        else [],
    }
    field |= {name: spec[name] for name in ("decimals", "min", "max") if name in spec}
    if spec["type"] == "timeseries":
        stacked = spec.get("stacked", False)
        field["custom"] = {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 40 if stacked else 8,
            "showPoints": "never",
            # a gap is a gap: nothing was measured there
            "spanNulls": False,
            "axisSoftMin": 0,
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
        }
    return field


_REDUCE: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "stat": {
        "reduceOptions": _REDUCE,
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    "bargauge": {
        "reduceOptions": _REDUCE,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 300,
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
    },
    "timeseries": {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}


def _link(
    title: str,
    *,
    type: str = "link",  # noqa: A002 - Grafana's word
    url: str = "",
    icon: str = "external link",
    tags: list[str] | None = None,
    as_dropdown: bool = False,
    keep_time: bool = False,
) -> dict[str, Any]:
    return {
        "title": title,
        "type": type,
        "url": url,
        "icon": icon,
        "tags": tags or [],
        "tooltip": "",
        "asDropdown": as_dropdown,
        "includeVars": False,
        "keepTime": keep_time,
        "targetBlank": type == "link",
    }


def _docs_variable() -> dict[str, Any]:
    return {
        "name": "docs",
        "type": "constant",
        "description": "Where make docs answers",
        "query": DOCS,
        "current": {"text": DOCS, "value": DOCS},
        "hide": 2,
        "skipUrlSync": True,
    }


def rendered() -> dict[Path, str]:
    """The text of every dashboard by the file that it belongs in."""
    return {
        DASHBOARDS / f"{source.stem}.json": json.dumps(
            dashboard(yaml.safe_load(source.read_text(encoding="utf-8"))), indent=2, ensure_ascii=False
        )
        + "\n"
        for source in sorted(PANELS.glob("*.yml"))
    }


def main() -> None:
    """Writes every dashboard anew."""
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
