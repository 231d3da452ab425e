"""``fraud-training``: train, backtest, promote, roll back, watch and show the fraud classifier."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from fraud_contracts import REGISTERED_MODEL
from fraud_features import FEATURE_NAMES, FEATURES, schema_hash
from fraud_training.after_deployment import drift, due, shadow
from fraud_training.backtest import BACKTEST_REPORT, run_backtest, table
from fraud_training.champion import champion_summary, summary
from fraud_training.compare import compare_on_test_period
from fraud_training.failures import explain
from fraud_training.folds import DEFAULT_FOLDS, Lengths
from fraud_training.forest import ForestSettings
from fraud_training.plots import PLOTS_FOLDER, plots_of, write_plots
from fraud_training.promote import promote as promote_model
from fraud_training.promote import roll_back
from fraud_training.registry import describe_change
from fraud_training.report import MODEL_REPORT, build_report, write_report
from fraud_training.search import Limits
from fraud_training.settings import Settings
from fraud_training.split import microseconds
from fraud_training.terminal import (
    Actor,
    FeaturesTable,
    LabelsTable,
    ModelName,
    ReportDir,
    TrinoUser,
    open_registry,
    print_answer,
    say,
)
from fraud_training.tracking import log_run
from fraud_training.train import read_training_data, train_model
from fraud_training.warehouse import FEATURES_TABLE, LABELS_TABLE, Warehouse

app = typer.Typer(
    help="Train, judge and promote the fraud classifier. The last line of every command is one line of JSON.",
    no_args_is_help=True,
    add_completion=False,
)

_DEFAULTS = ForestSettings()
_LENGTHS = Lengths()


@app.command()
def train(
    *,
    trees: Annotated[int, typer.Option(min=1, help="Trees of the forest.")] = _DEFAULTS.trees,
    max_depth: Annotated[int, typer.Option(min=1, help="Greatest depth of a tree.")] = _DEFAULTS.max_depth,
    features_table: FeaturesTable = FEATURES_TABLE,
    labels_table: LabelsTable = LABELS_TABLE,
    model_name: ModelName = REGISTERED_MODEL,
    trino_user: TrinoUser = "trainer",
    by: Actor = "",
    report_dir: ReportDir = None,
    search: Annotated[
        bool | None,
        typer.Option(help="Choose settings on the validation period, or not; default: FRAUD_TRAINING_SEARCH."),
    ] = None,
) -> None:
    """Train on Gold, log the run, write the report, register the model and make it the candidate."""
    settings = Settings.from_environment()
    forest_settings = ForestSettings(trees=trees, max_depth=max_depth)
    meaning = schema_hash()
    registry = open_registry(settings, model_name, by)
    with Warehouse(settings.trino_url, trino_user) as warehouse:
        features, labels = warehouse.current_version(features_table), warehouse.current_version(labels_table)
        say(f"reading {features.relation} and {labels.relation}")
        data = read_training_data(warehouse, features, labels, FEATURE_NAMES, settings.label_maturity_days)
    model = train_model(
        data,
        feature_names=FEATURE_NAMES,
        missing_values=[feature.missing for feature in FEATURES],
        schema_hash=meaning,
        settings=forest_settings,
        costs=settings.costs,
        search=Limits() if (settings.search if search is None else search) else None,
        say=say,
    )
    say("judging features, kinds of fraud and labels by age")
    report = build_report(data, model, settings.label_maturity_days, settings.costs)
    plots = plots_of(model)
    say("logging the run")
    run_id = log_run(registry, data, model, report, plots)
    version = registry.register(run_id, model.form)
    report_path = (report_dir or settings.reports_dir) / MODEL_REPORT
    write_report({"version": version.number, "run_id": run_id, **report}, report_path)
    write_plots(plots, report_path.with_name(PLOTS_FOLDER))
    print_answer(
        {
            "name": model_name,
            "version": version.number,
            "alias": "candidate",
            "run_id": run_id,
            "sha256": model.form.sha256,
            "data_version": model.form.manifest["data_version"],
            "parity_difference": model.parity_difference,
            "report": str(report_path),
            **summary(model.form.manifest),
        }
    )


@app.command()
def backtest(
    *,
    train_days: Annotated[int, typer.Option(min=1, help="Days that each fold trains on.")] = _LENGTHS.train_days,
    delay_days: Annotated[int, typer.Option(min=0, help="Days that labels get to arrive.")] = _LENGTHS.delay_days,
    test_days: Annotated[int, typer.Option(min=1, help="Days that each fold is judged on.")] = _LENGTHS.test_days,
    first_day: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            help="Day (UTC) on which the first fold's training begins; default: the newest folds there are.",
        ),
    ] = None,
    folds: Annotated[int | None, typer.Option(min=1, help=f"Folds; default: up to {DEFAULT_FOLDS}.")] = None,
    trees: Annotated[int, typer.Option(min=1, help="Trees of each forest.")] = _DEFAULTS.trees,
    max_depth: Annotated[int, typer.Option(min=1, help="Greatest depth of a tree.")] = _DEFAULTS.max_depth,
    features_table: FeaturesTable = FEATURES_TABLE,
    labels_table: LabelsTable = LABELS_TABLE,
    trino_user: TrinoUser = "trainer",
    report_dir: ReportDir = None,
) -> None:
    """Train and test forest, baselines and isolation forest fold by fold on what is in Gold; registers nothing."""
    settings = Settings.from_environment()
    with Warehouse(settings.trino_url, trino_user) as warehouse:
        features, labels = warehouse.current_version(features_table), warehouse.current_version(labels_table)
        say(f"reading {features.relation} and {labels.relation}")
        report = run_backtest(
            warehouse,
            features,
            labels,
            FEATURE_NAMES,
            Lengths(train_days, delay_days, test_days),
            first_day_us=None if first_day is None else microseconds(f"{first_day.date()}T00:00:00+00:00"),
            folds=folds,
            settings=ForestSettings(trees=trees, max_depth=max_depth),
            say=say,
        )
    path = (report_dir or settings.reports_dir) / BACKTEST_REPORT
    write_report(report, path)
    say(f"mean and standard deviation over {len(report['folds'])} folds:\n{table(report)}")
    print_answer(
        {
            "folds": len(report["folds"]),
            "test_period": {"start": report["folds"][0]["test"]["start"], "end": report["folds"][-1]["test"]["end"]},
            "report": str(path),
            "summary": report["summary"],
        }
    )


@app.command()
def promote(
    require: Annotated[bool, typer.Option("--require", help="Fail unless a model becomes champion.")] = False,
    own_data: Annotated[
        bool, typer.Option("--own-data", help="Not the simulator's payments: PROMOTION_MIN_AUC does not apply.")
    ] = False,
    model_name: ModelName = REGISTERED_MODEL,
    trino_user: TrinoUser = "trainer",
    by: Actor = "",
) -> None:
    """Take the candidate through the gates to challenger and champion; refusing it is an answer, not a failure."""
    settings = Settings.from_environment()
    registry = open_registry(settings, model_name, by)
    with Warehouse(settings.trino_url, trino_user) as warehouse:
        answer = promote_model(
            registry,
            None if own_data else settings.promotion_min_auc,
            lambda challenger, champion: compare_on_test_period(warehouse, challenger, champion),
        )
    say(f"{answer['decision']}: {answer['reason']}")
    print_answer(answer)
    if require and answer["decision"] != "champion":
        raise typer.Exit(1)


@app.command()
def rollback(
    why: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    model_name: ModelName = REGISTERED_MODEL,
    by: Actor = "",
) -> None:
    """Give the champion's place back to the version that had it before."""
    answer = roll_back(open_registry(Settings.from_environment(), model_name, by), why)
    say(f"version {answer['version']} is champion: {answer['reason']}")
    print_answer(answer)


@app.command()
def show(model_name: ModelName = REGISTERED_MODEL) -> None:
    """Print the champion with its periods and figures; version and alias are null when there is none."""
    print_answer(champion_summary(open_registry(Settings.from_environment(), model_name)))


@app.command()
def history(model_name: ModelName = REGISTERED_MODEL) -> None:
    """Print every registration, promotion, refusal and rollback, oldest first: when, what, who, why, which figures."""
    entries = open_registry(Settings.from_environment(), model_name).history()
    for entry in entries:
        say(describe_change(entry))
    print_answer({"name": model_name, "history": entries})


for _command in (drift, shadow, due):
    app.command()(_command)


def main() -> None:
    """Run the command; an expected failure is one sentence on stderr and exit code 1."""
    try:
        app()
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        say(f"fraud-training: {sentence}")
        sys.exit(1)
