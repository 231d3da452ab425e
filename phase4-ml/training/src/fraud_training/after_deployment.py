"""The commands about a model that serves: ``drift``, ``shadow`` and ``due``."""

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fraud_contracts import CHALLENGER, CHAMPION, REGISTERED_MODEL
from fraud_contracts import model_figures as contract
from fraud_features import FEATURE_NAMES, schema_hash
from fraud_training.drift import DRIFT_REPORT, REFERENCE, drift_report, drift_table, measure_drift
from fraud_training.figures import FIGURES_TABLE, FigureTable, figures_of_drift, figures_of_shadow
from fraud_training.performance import matured_performance, matured_period
from fraud_training.registry import Registry, Version
from fraud_training.report import write_report
from fraud_training.retraining import Evidence, decide
from fraud_training.serving_form import ServingForm
from fraud_training.settings import Settings
from fraud_training.shadow import SHADOW_REPORT, compare_scores, shadow_table, thresholds_in_use
from fraud_training.split import DAY_US, Period, microseconds
from fraud_training.terminal import (
    FeaturesTable,
    LabelsTable,
    ModelName,
    ReportDir,
    TrinoUser,
    open_registry,
    print_answer,
    say,
)
from fraud_training.train import DATA_END
from fraud_training.warehouse import DECISIONS_TABLE, FEATURES_TABLE, LABELS_TABLE, Warehouse

FiguresTable = Annotated[str, typer.Option(help="Table that the figures are written to and read from.")]
Days = Annotated[int | None, typer.Option(min=1, help="Newest days to look at; default: FRAUD_TRAINING_DRIFT_DAYS.")]

NO_CHAMPION = "there is no champion: train one with `make ml-train`"
NO_REFERENCE = (
    "drift cannot be measured against the champion: it keeps no reference, or reads other features than today's; "
    "train another with `make ml-train`"
)
NO_CHALLENGER = "there is no challenger: the newest model became champion, or did not beat the baselines"
NO_DECISION = "the API has logged no decision by a model on today's features"
# half a minute on two cores; the newest decisions tell as much as all of them
_MOST_DECISIONS = 50_000


def drift(
    *,
    days: Days = None,
    features_table: FeaturesTable = FEATURES_TABLE,
    figures_table: FiguresTable = FIGURES_TABLE,
    model_name: ModelName = REGISTERED_MODEL,
    trino_user: TrinoUser = "trainer",
    report_dir: ReportDir = None,
) -> None:
    """Compare the newest payments in Gold, and the champion's scores of them, with those it was calibrated on."""
    settings = Settings.from_environment()
    registry = open_registry(settings, model_name)
    champion, form = _champion(registry)
    if champion is None or form is None or not _keeps_reference(form):
        reason = NO_CHAMPION if champion is None else NO_REFERENCE
        say(reason)
        print_answer({"version": champion.number if champion else None, "measured": False, "reason": reason})
        return
    with Warehouse(settings.trino_url, trino_user) as warehouse:
        features = warehouse.current_version(features_table)
        span = warehouse.event_range(features)
        since_us = span.end_us - (days or settings.drift_days) * DAY_US
        period = Period(max(span.start_us, since_us), span.end_us)
        say(f"reading {features.relation} from {period.as_text()['start']} on")
        vectors = warehouse.payments(features, form.manifest["feature_names"], period).vectors
        found = measure_drift(form.manifest, vectors, form.probabilities(vectors), settings.bounds)
        table = FigureTable(warehouse, settings.s3_bucket, figures_table)
        table.write(contract.DRIFT, champion.number, None, figures_of_drift(found))
    path = (report_dir or settings.reports_dir) / DRIFT_REPORT
    reference = form.manifest[REFERENCE]["period"]
    write_report(drift_report(found, champion.number, reference, period), path)
    say(drift_table(found))
    print_answer(
        {
            "version": champion.number,
            "measured": True,
            "period": period.as_text(),
            "score": found.score.as_dict(),
            "drifted_features": list(found.drifted),
            "report": str(path),
        }
    )


def shadow(
    *,
    challenger: Annotated[int | None, typer.Option(help="Version to compare; default: the challenger.")] = None,
    days: Days = None,
    decisions_table: Annotated[str, typer.Option(help="Table of logged decisions.")] = DECISIONS_TABLE,
    figures_table: FiguresTable = FIGURES_TABLE,
    model_name: ModelName = REGISTERED_MODEL,
    trino_user: TrinoUser = "trainer",
    report_dir: ReportDir = None,
) -> None:
    """Score the vectors of logged decisions by champion and challenger, and tell where the two part."""
    settings = Settings.from_environment()
    registry = open_registry(settings, model_name)
    champion, form = _champion(registry)
    if champion is None or form is None:
        say(NO_CHAMPION)
        print_answer({"champion": None, "compared": False, "reason": NO_CHAMPION})
        return
    rival = registry.holder(CHALLENGER) if challenger is None else registry.version(challenger)
    with Warehouse(settings.trino_url, trino_user) as warehouse:
        table = FigureTable(warehouse, settings.s3_bucket, figures_table)
        reason = NO_CHALLENGER
        if rival is not None:
            say(f"reading the vectors of {decisions_table}")
            asked = days or settings.drift_days
            vectors = warehouse.decided_vectors(decisions_table, form.manifest["schema_hash"], asked, _MOST_DECISIONS)
            other = registry.form(rival)
            reason = NO_DECISION if other.manifest["schema_hash"] == form.manifest["schema_hash"] else NO_REFERENCE
        if rival is None or reason == NO_REFERENCE or not len(vectors):
            # written too: the figures of a former challenger are not to stay
            table.write(contract.SHADOW, champion.number, None, figures_of_shadow(None))
            say(reason)
            print_answer({"champion": champion.number, "compared": False, "reason": reason})
            return
        found = compare_scores(form.probabilities(vectors), other.probabilities(vectors), thresholds_in_use(form))
        table.write(contract.SHADOW, champion.number, rival.number, figures_of_shadow(found))
    report = {"champion": champion.number, "challenger": rival.number, **found.as_dict()}
    path = (report_dir or settings.reports_dir) / SHADOW_REPORT
    write_report(report, path)
    say(shadow_table(found))
    print_answer({"compared": True, **report, "report": str(path)})


def due(
    *,
    otherwise: Annotated[
        int, typer.Option("--otherwise", min=0, max=255, help="Exit code when training is not due.")
    ] = 0,
    features_table: FeaturesTable = FEATURES_TABLE,
    labels_table: LabelsTable = LABELS_TABLE,
    figures_table: FiguresTable = FIGURES_TABLE,
    model_name: ModelName = REGISTERED_MODEL,
    trino_user: TrinoUser = "trainer",
) -> None:
    """Say whether a model is to be trained before its weekly turn, and by which figures; trains nothing."""
    settings = Settings.from_environment()
    registry = open_registry(settings, model_name)
    champion, form = _champion(registry)
    if champion is None or form is None:
        evidence = Evidence(has_champion=False)
    else:
        with Warehouse(settings.trino_url, trino_user) as warehouse:
            figures = FigureTable(warehouse, settings.s3_bucket, figures_table)
            evidence = _evidence(settings, registry, champion, form, warehouse, figures, features_table, labels_table)
    decision = decide(evidence, settings.rule)
    known = asdict(evidence)
    for name, value in known.items():
        say(f"  {name}: {value}")
    say(f"training is {'due' if decision.is_due else 'not due'}: {'; '.join(decision.reasons)}")
    print_answer({**decision.as_dict(), "evidence": known})
    if not decision.is_due:
        raise typer.Exit(otherwise)


def _evidence(
    settings: Settings,
    registry: Registry,
    champion: Version,
    form: ServingForm,
    warehouse: Warehouse,
    figures: FigureTable,
    features_table: str,
    labels_table: str,
) -> Evidence:
    rested = _days_since_training(registry.history(), time.time())
    if not _keeps_reference(form):
        return Evidence(has_reference=False, rested_days=rested)
    features, labels = warehouse.current_version(features_table), warehouse.current_version(labels_table)
    newest_us = warehouse.event_range(features).end_us
    measured = figures.newest_drift(settings.drift_bound)
    if measured is None or measured.version != champion.number:
        say(f"the drift of version {champion.number} has not been measured: run `make ml-drift`")
        measured = None
    else:
        say(f"drift as measured at {measured.at}")
    period = matured_period(newest_us, settings.label_maturity_days, settings.drift_days)
    return Evidence(
        score_index=measured.score_index if measured else None,
        drifted_features=measured.drifted_features if measured else (),
        performance=matured_performance(warehouse, form, features, labels, period),
        age_days=(newest_us - microseconds(form.manifest[DATA_END])) / DAY_US,
        rested_days=rested,
    )


def _days_since_training(history: list[dict[str, Any]], now: float) -> float | None:
    """Days since the newest registration of a model, whatever became of it."""
    registered = [microseconds(entry["at"]) for entry in history if entry["action"] == "registered"]
    return (now * 1_000_000 - max(registered)) / DAY_US if registered else None


def _champion(registry: Registry) -> tuple[Version | None, ServingForm | None]:
    version = registry.holder(CHAMPION)
    return version, None if version is None else registry.form(version)


def _keeps_reference(form: ServingForm) -> bool:
    """Whether today's vectors can be held against what the model was calibrated on."""
    manifest = form.manifest
    reads_today = manifest["schema_hash"] == schema_hash() and tuple(manifest["feature_names"]) == FEATURE_NAMES
    return reads_today and REFERENCE in manifest and DATA_END in manifest
