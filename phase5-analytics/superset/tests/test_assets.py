"""The assets held against each other, against dbt's models and against its exposures, without a server."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOM = Path(__file__).parents[1]
DBT = Path(__file__).parents[3] / "phase3-transforms" / "dbt_project" / "models"
# settings of a chart that name metrics, and those that name columns
METRICS = ("metric", "metrics", "timeseries_limit_metric")
COLUMNS = ("groupby", "x_axis", "all_columns")


def read(kind: str) -> dict[str, dict[str, Any]]:
    """The files of a kind, by uuid."""
    files = sorted((ROOM / "assets" / kind).rglob("*.yaml"))
    assert files, f"no {kind}"
    return {config["uuid"]: config for config in (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)}


DATABASES, DATASETS, CHARTS, DASHBOARDS = map(read, ("databases", "datasets", "charts", "dashboards"))


def named(configs: dict[str, dict[str, Any]], key: str) -> Any:
    return pytest.mark.parametrize("config", [pytest.param(config, id=config[key]) for config in configs.values()])


def words(value: Any) -> list[str]:
    """A setting's names: one, several, or none."""
    return [word for word in (value if isinstance(value, list) else [value]) if word]


def charts_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [part for part in dashboard["position"].values() if isinstance(part, dict)]
    return [part for part in parts if part["type"] == "CHART"]


def test_no_two_things_share_an_id() -> None:
    files = list((ROOM / "assets").rglob("*.yaml"))
    # the one without is what says that the folder is a bundle
    assert len(DATABASES | DATASETS | CHARTS | DASHBOARDS) == len(files) - 1


def test_the_database_reads_gold_as_superset_and_holds_no_password() -> None:
    (database,) = DATABASES.values()
    assert database["sqlalchemy_uri"] == "trino://superset@${TRINO_ADDRESS}/serving"
    switches = ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload", "impersonate_user")
    assert [database[switch] for switch in switches] == [False] * len(switches)


@named(DATASETS, "table_name")
def test_everything_of_a_dataset_is_described(config: dict[str, Any]) -> None:
    assert config["description"]
    for part in (*config["metrics"], *config["columns"]):
        assert part["verbose_name"], part
        assert part["description"].endswith("."), part
    assert all(metric["d3format"] for metric in config["metrics"])


@named(DATASETS, "table_name")
def test_a_dataset_has_the_columns_of_its_model(config: dict[str, Any]) -> None:
    (model,) = yaml.safe_load((DBT / "marts" / f"{config['table_name']}.yml").read_text(encoding="utf-8"))["models"]
    physical = {part["column_name"]: part["type"] for part in config["columns"] if "expression" not in part}
    # what begins with _ is for dbt
    assert physical == {
        column["name"]: column["data_type"].upper() for column in model["columns"] if not column["name"].startswith("_")
    }
    assert (config["catalog"], config["schema"], config["sql"]) == ("serving", "gold", None)
    assert config["database_uuid"] in DATABASES


@named(DATASETS, "table_name")
def test_names_within_a_dataset_are_unique(config: dict[str, Any]) -> None:
    for kind in ("metric", "column"):
        names = [part[f"{kind}_name"] for part in config[f"{kind}s"]]
        assert len(set(names)) == len(names)
    assert config["main_dttm_col"] in {None, *(c["column_name"] for c in config["columns"] if c["is_dttm"])}


@named(CHARTS, "slice_name")
def test_a_chart_refers_to_what_its_dataset_has(config: dict[str, Any]) -> None:
    assert config["description"].endswith(".")
    dataset = DATASETS[config["dataset_uuid"]]
    params = config["params"]
    assert params["viz_type"] == config["viz_type"]
    used = {word for setting in METRICS for word in words(params.get(setting))}
    assert used <= {metric["metric_name"] for metric in dataset["metrics"]}
    columns = {word for setting in COLUMNS for word in words(params.get(setting))}
    columns |= {part["subject"] for part in params["adhoc_filters"]}
    columns |= {re.split(r'"', text)[1] for text in words(params.get("order_by_cols"))}
    assert columns <= {column["column_name"] for column in dataset["columns"]}
    assert used or params["all_columns"], "it shows nothing"


@named(CHARTS, "slice_name")
def test_a_chart_stands_on_one_dashboard(config: dict[str, Any]) -> None:
    places = [d["slug"] for d in DASHBOARDS.values() for part in charts_of(d) if part["meta"]["uuid"] == config["uuid"]]
    assert len(places) == 1


@named(DASHBOARDS, "slug")
def test_a_dashboard_refers_to_charts_in_the_way_that_the_importer_understands(config: dict[str, Any]) -> None:
    metas = [part["meta"] for part in charts_of(config)]
    for meta in metas:
        # without both the importer leaves the chart out and says nothing
        assert {"chartId", "uuid"} <= set(meta)
        assert meta["sliceName"] == CHARTS[meta["uuid"]]["slice_name"]
    assert len({meta["chartId"] for meta in metas}) == len(metas)


@named(DASHBOARDS, "slug")
def test_a_dashboard_is_laid_out_without_gaps_in_its_tree(config: dict[str, Any]) -> None:
    position = {key: part for key, part in config["position"].items() if isinstance(part, dict)}
    assert {key: part["id"] for key, part in position.items()} == {key: key for key in position}
    children = [child for part in position.values() for child in part.get("children", [])]
    assert sorted([*children, "ROOT_ID", "HEADER_ID"]) == sorted(position)
    for row in (part for part in position.values() if part["type"] == "ROW"):
        assert sum(position[child]["meta"]["width"] for child in row["children"]) == 12, row["id"]


@named(DASHBOARDS, "slug")
def test_a_filter_names_a_column_that_exists(config: dict[str, Any]) -> None:
    filters = config["metadata"]["native_filter_configuration"]
    assert any(each["filterType"] == "filter_time" for each in filters)
    for target in (target for each in filters for target in each["targets"] if target):
        columns = {column["column_name"] for column in DATASETS[target["datasetUuid"]]["columns"]}
        assert target["column"]["name"] in columns


def test_the_exposures_say_what_the_dashboards_read() -> None:
    told = yaml.safe_load((DBT / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    exposed = {
        each["label"]: {re.findall(r"'(\w+)'", ref)[0] for ref in each["depends_on"]}
        for each in told
        if each["type"] == "dashboard"
    }
    shown = {
        dashboard["dashboard_title"]: {
            DATASETS[CHARTS[part["meta"]["uuid"]]["dataset_uuid"]]["table_name"] for part in charts_of(dashboard)
        }
        for dashboard in DASHBOARDS.values()
    }
    assert shown == exposed
    assert set(shown) == {
        *("Transaction overview", "Fraud analytics", "Real-time risk feed", "Landing quality", "Model and money")
    }


def test_the_risk_feed_shows_how_old_its_data_is() -> None:
    (feed,) = [dashboard for dashboard in DASHBOARDS.values() if dashboard["slug"] == "real-time-risk-feed"]
    metrics = {CHARTS[part["meta"]["uuid"]]["params"].get("metric") for part in charts_of(feed)}
    assert {"age_of_data", "newest_decision"} <= metrics


def test_the_landing_dashboard_has_figures_also_when_nothing_was_ever_set_aside() -> None:
    (landing,) = [dashboard for dashboard in DASHBOARDS.values() if dashboard["slug"] == "landing-quality"]
    charts = [CHARTS[part["meta"]["uuid"]] for part in charts_of(landing)]
    # no chart asks for the rows of one outcome alone: there may be none, and a share of zero is a figure as well
    assert {part["operator"] for chart in charts for part in chart["params"]["adhoc_filters"]} == {"TEMPORAL_RANGE"}
    (dataset,) = {chart["dataset_uuid"] for chart in charts}
    of_one_outcome = [
        metric["expression"] for metric in DATASETS[dataset]["metrics"] if "FILTER" in metric["expression"]
    ]
    assert len(of_one_outcome) == 4
    assert [
        text for text in of_one_outcome if not re.search(r"coalesce\(sum\(message_count\) FILTER .+?, 0\)", text)
    ] == []


@pytest.mark.parametrize("missing", ["SUPERSET_SECRET_KEY", "SUPERSET_DB_URI"])
def test_the_configuration_knows_no_secret_by_itself(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("SUPERSET_SECRET_KEY", "a")
    monkeypatch.setenv("SUPERSET_DB_URI", "b")
    assert runpy.run_path(str(ROOM / "superset_config.py"))["SECRET_KEY"] == "a"
    monkeypatch.delenv(missing)
    with pytest.raises(KeyError, match=missing):
        runpy.run_path(str(ROOM / "superset_config.py"))
