"""What the demo says at its end: one page on the terminal, the same figures as JSON."""

from typing import Any

from rich.console import Console
from rich.table import Table

Report = dict[str, Any]


def print_report(report: Report, console: Console) -> None:
    """Prints the one-page report; ``report`` has the keys of ``demo.json``."""
    console.rule("fraud-watch demo")
    _print_conservation(report, console)
    _print_model(report, console)
    predict = report["predict"]
    console.print(
        f"Live payments  {predict['requests']:,} scored, {predict['errors']} errors, "
        f"p50 {predict['p50_ms']:.1f} ms, p99 {predict['p99_ms']:.1f} ms; "
        f"{report['decisions_logged']:,} decisions in PostgreSQL"
    )
    redis = report["redis"]
    console.print(
        f"Online store   {redis['user_keys']:,} user and {redis['merchant_keys']:,} merchant profiles in Redis"
    )
    gold = ", ".join(f"{table} {rows:,}" for table, rows in report["gold"].items())
    console.print(f"Gold           {gold}")
    run = report["dag_run"]
    console.print(f"Pipeline       {run['dag_id']} {run['run_id']}: {run['state']}, {len(run['tasks'])} tasks")
    steps = ", ".join(f"{step} {seconds:.0f}" for step, seconds in report["seconds"].items())
    console.print(f"Seconds        {steps}")


def _print_conservation(report: Report, console: Console) -> None:
    table = Table(
        "topic",
        "produced",
        "bronze",
        "quarantine",
        "missing",
        "duplicated",
        "holds",
        title="Nothing lost, nothing twice",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for topic, row in report["conservation"].items():
        counts = [f"{row[key]:,}" for key in ("produced", "bronze", "quarantine", "missing", "duplicated")]
        table.add_row(topic, *counts, "yes" if row["holds"] else "[red]NO[/red]")
    console.print(table)


def _print_model(report: Report, console: Console) -> None:
    model = report["model"]
    if model.get("alias") != "champion":
        console.print(
            f"Model          none was promoted: {model.get('reason') or 'see the training log'}; "
            "payments are decided by rules",
            markup=False,
        )
        return
    console.print(
        f"Model          {model['name']} version {model['version']} ({model['alias']}), "
        f"tested on {_days(model['test_period'])}: "
        f"AUC {model['auc']:.3f}, average precision {model['average_precision']:.3f} "
        f"(baseline {model['baseline_average_precision']:.3f}), "
        f"card precision@100 {model['card_precision_at_100']:.3f}, "
        f"detection at 0.5 % false positives {model['detection_rate_at_fpr_0_5_percent']:.3f}"
    )


def _days(period: dict[str, str]) -> str:
    """A period's two days, from ISO 8601 times; the last one is not part of it."""
    return f"{period['start'][:10]} to {period['end'][:10]}"


def print_where_to_look(env: dict[str, str], running: set[str], console: Console) -> None:
    """Prints where the running stack can be looked at, and what to type next."""
    table = Table("service", "address", "user", "password", title="Where to look next")
    table.add_row("API documentation", f"{env['API_URL']}/docs", "", "make -s api-key")
    table.add_row("Airflow", env["AIRFLOW_URL"], env["AIRFLOW_ADMIN_USER"], "AIRFLOW_ADMIN_PASSWORD in .env")
    table.add_row("MLflow", env["MLFLOW_TRACKING_URI"], "", "none, loopback only")
    table.add_row("Trino", env["TRINO_URL"], "reader", "none, loopback only")
    table.add_row(
        "MinIO console",
        f"http://127.0.0.1:{env['MINIO_CONSOLE_PORT']}",
        env["MINIO_ROOT_USER"],
        "MINIO_ROOT_PASSWORD in .env",
    )
    table.add_row("Spark", f"http://127.0.0.1:{env['SPARK_UI_PORT']}", "", "none, loopback only")
    for service, name, url, user, password in (
        ("superset", "Superset", env["SUPERSET_URL"], env["SUPERSET_ADMIN_USER"], "SUPERSET_ADMIN_PASSWORD in .env"),
        ("prometheus", "Prometheus", env["PROMETHEUS_URL"], "", "none, loopback only"),
        ("alertmanager", "Alertmanager", env["ALERTMANAGER_URL"], "", "none, loopback only"),
        (
            *("grafana", "Grafana", f"http://127.0.0.1:{env['GRAFANA_PORT']}"),
            *(env["GRAFANA_ADMIN_USER"], "GRAFANA_ADMIN_PASSWORD in .env"),
        ),
    ):
        if service in running:
            table.add_row(name, url, user, password)
    console.print(table)
    console.print(
        "The stack stays up until [bold]make down[/bold]. Try [bold]make predict-test[/bold], [bold]make status[/bold]."
    )
