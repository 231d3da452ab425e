"""Imports the bundle and looks at what arrived: the importer is known to leave things out without a word."""

from typing import Any

from bundle import Bundle
from superset import db
from superset.commands.importers.v1.assets import ImportAssetsCommand
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.utils.core import override_user

_KINDS = {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}


def import_bundle(bundle: Bundle, admin: Any) -> str:
    """Imports everything or nothing, as the administrator, and says how much arrived.

    Raises:
        SystemExit: Superset refuses a file, or something of the bundle is not there afterwards.
    """
    with override_user(admin):
        try:
            ImportAssetsCommand(bundle.texts).run()
        except Exception as error:
            raise SystemExit(f"superset-init: the assets were refused: {_reason(error)}") from error
    arrived = {kind: _by_uuid(bundle, kind) for kind in _KINDS}
    if missing := _missing(bundle, arrived):
        raise SystemExit("superset-init: the import left out " + ", ".join(missing))
    return ", ".join(f"{len(found)} {kind}" for kind, found in arrived.items())


def _by_uuid(bundle: Bundle, kind: str) -> dict[str, Any]:
    model = _KINDS[kind]
    wanted = [config["uuid"] for config in bundle.of_kind(kind)]
    return {str(found.uuid): found for found in db.session.query(model).filter(model.uuid.in_(wanted))}


def _missing(bundle: Bundle, arrived: dict[str, dict[str, Any]]) -> list[str]:
    missing = [
        f"{kind[:-1]} {config['uuid']}"
        for kind, found in arrived.items()
        for config in bundle.of_kind(kind)
        if config["uuid"] not in found
    ]
    if missing:
        return missing
    for config in bundle.of_kind("datasets"):
        dataset = arrived["datasets"][config["uuid"]]
        wanted = {part[f"{kind}_name"] for kind in ("metric", "column") for part in config[f"{kind}s"]}
        here = {metric.metric_name for metric in dataset.metrics} | {column.column_name for column in dataset.columns}
        missing += [f"{config['table_name']}.{name}" for name in sorted(wanted - here)]
    for config in bundle.of_kind("dashboards"):
        dashboard = arrived["dashboards"][config["uuid"]]
        wanted = {part["meta"]["uuid"] for part in config["position"].values() if _is_chart(part)}
        here = {str(chart.uuid) for chart in dashboard.slices}
        missing += [f"chart {uuid} of {config['slug']}" for uuid in sorted(wanted - here)]
    return missing


def _is_chart(part: Any) -> bool:
    return isinstance(part, dict) and part["type"] == "CHART"


def _reason(error: Exception) -> str:
    told = getattr(error, "normalized_messages", None)
    return str(told() if told else error.__cause__ or error)
