"""Drift, the challenger in shadow, and whether a training is due: through the commands, on the real warehouse."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES, schema_hash
from fraud_stream.model_figures import model_figures, newest_looks_query
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.registry import Registry
from fraud_training.shadow import compare_scores, thresholds_in_use
from fraud_training.split import DAY_US, Period
from fraud_training.warehouse import Warehouse

pytestmark = pytest.mark.integration

AMOUNT = FEATURE_NAMES[AMOUNT_COLUMN]
NEWEST_DAYS = 7
Command = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Deployed:
    """A champion of this world, commands that look at it, and the table that they write to."""

    command: Command
    tables: Any
    figures: str
    registry: Registry

    def look(self, name: str, *more: str, **given: Any) -> dict[str, Any]:
        return self.command(name, *more, "--figures-table", self.figures, "--trino-user", "dbt", **given)

    def train(self, trees: str) -> dict[str, Any]:
        source = ("--trino-user", "dbt", "--features-table", self.tables.features, "--labels-table", self.tables.labels)
        return self.command("train", "--trees", trees, "--max-depth", "6", "--no-search", *source)

    def published(self) -> Any:
        """What the lag exporter would make of the table."""
        return model_figures(self.tables.execute(newest_looks_query(self.figures)))


@pytest.fixture
def deployed(stack: Any, tables: Any, model_name: str, command: Command) -> Iterator[Deployed]:
    schema = tables.features.rpartition(".")[0]
    registry = Registry(stack.env["MLFLOW_TRACKING_URI"], model_name)
    made = Deployed(command, tables, f"{schema}.figures", registry)
    made.train("20")
    promoted = command("promote", "--trino-user", "dbt", PROMOTION_MIN_AUC="")
    assert promoted["champion"] == 1
    yield made
    tables.execute(f"DROP TABLE IF EXISTS {made.figures}")


def with_dearer_days(tables: Any) -> str:
    """The same features, but for amounts three times as large in the newest days."""
    dearer = f"{tables.features}_dearer"
    others = ", ".join(name for name in FEATURE_NAMES if name != AMOUNT)
    since = f"(SELECT max(event_us) - {NEWEST_DAYS} * bigint '{DAY_US}' FROM {tables.features})"
    tables.execute(
        f"CREATE TABLE {dearer} AS SELECT transaction_id, event_us, user_id, card_hash, "
        f"{AMOUNT} * if(event_us > {since}, 3, 1) AS {AMOUNT}, {others} FROM {tables.features}"
    )
    return dearer


def test_an_injected_drift_is_caught_published_and_reason_for_a_training(deployed: Deployed) -> None:
    tables = deployed.tables
    calm = deployed.look("drift", "--features-table", tables.features)
    assert calm["measured"]
    assert (calm["score"]["verdict"], calm["drifted_features"]) == ("stable", [])
    published = deployed.published()
    assert published.score == calm["score"]["psi"]
    assert (published.payments, published.reference_payments) == (calm["score"]["payments"], 800)
    assert published.drifted_features == 0
    data = ("--features-table", tables.features, "--labels-table", tables.labels)
    hasty = {"FRAUD_TRAINING_REST_DAYS": "0", "FRAUD_TRAINING_DRIFTED_FEATURES": "1"}
    left_alone = deployed.look("due", "--otherwise", "99", *data, exit_code=99, **hasty)
    assert left_alone["reasons"] == ["no bound is reached"]
    assert left_alone["evidence"]["performance"]["frauds"] > 0
    assert left_alone["evidence"]["age_days"] == 0

    shaken = deployed.look("drift", "--features-table", with_dearer_days(tables))
    assert shaken["drifted_features"] == [AMOUNT]
    published = deployed.published()
    assert published.drifted_features == 1
    assert max(published.features, key=published.features.__getitem__) == AMOUNT
    assert {index < 0.1 for name, index in published.features.items() if name != AMOUNT} == {True}

    due = deployed.look("due", "--otherwise", "99", *data)
    assert due["reasons"] == [f"1 features have drifted, bound 1; the worst: {AMOUNT}"]
    rested = deployed.look("due", "--otherwise", "99", *data, exit_code=99, FRAUD_TRAINING_REST_DAYS="3")
    assert rested["due"] is False
    assert "must lie between two" in rested["reasons"][0]


def log_decisions(tables: Any) -> str:
    """Decisions as the API logs them, of the newest payments; beside them some that no model had a part in."""
    table = f"{tables.features}_decisions"
    vector = ", ".join(f"CAST({name} AS real)" for name in FEATURE_NAMES)
    moment = "from_unixtime(event_us / 1e6, 'UTC')"
    number = "CAST(substr(transaction_id, 2) AS integer)"
    tables.execute(
        f"CREATE TABLE IF NOT EXISTS {table} AS SELECT transaction_id, "
        f"CAST({moment} AS timestamp(3) with time zone) AS created_at, "
        f"CASE mod({number}, 10) WHEN 0 THEN 'no_features' WHEN 1 THEN 'no_profiles' ELSE 'full' END AS mode, "
        f"if(mod({number}, 7) = 0, 'of another definition', "
        f"'{schema_hash()}') AS schema_hash, ARRAY[{vector}] AS vector FROM {tables.features}"
    )
    return table


def test_a_challenger_is_compared_on_the_vectors_that_were_logged(stack: Any, deployed: Deployed) -> None:
    tables, registry = deployed.tables, deployed.registry
    decisions = log_decisions(tables)
    alone = deployed.look("shadow", "--decisions-table", decisions)
    assert not alone["compared"]
    assert deployed.published().decisions == 0

    deployed.train("5")
    compared = deployed.look("shadow", "--challenger", "2", "--days", "10", "--decisions-table", decisions)

    ((expected,),) = tables.execute(
        f"SELECT count(*) FROM {decisions} WHERE mode <> 'no_features' AND schema_hash = '{schema_hash()}' "
        f"AND created_at >= (SELECT max(created_at) - INTERVAL '10' DAY FROM {decisions} "
        f"WHERE mode <> 'no_features' AND schema_hash = '{schema_hash()}')"
    )
    assert compared["decisions"] == expected > 500
    with Warehouse(stack.env["TRINO_URL"], "dbt") as warehouse:
        version = warehouse.current_version(tables.features)
        span = warehouse.event_range(version)
        payments = warehouse.payments(version, FEATURE_NAMES, Period(span.start_us, span.end_us))
        logged = warehouse.decided_vectors(decisions, schema_hash(), 10, 50_000)
    known = {vector.tobytes() for vector in payments.vectors}
    assert all(vector.tobytes() in known for vector in logged)
    champion, challenger = (registry.form(registry.version(number)) for number in (1, 2))
    found = compare_scores(
        champion.probabilities(logged), challenger.probabilities(logged), thresholds_in_use(champion)
    )
    assert compared["thresholds"] == found.as_dict()["thresholds"]
    published = deployed.published()
    assert published.decisions == expected
    assert published.mean_difference == compared["mean_absolute_difference"] > 0
    assert published.disagreement == {name: one.share for name, one in found.at.items()}
    assert np.isclose(published.rank_correlation, compared["rank_correlation"])


def test_the_newest_decisions_are_taken_where_there_are_too_many(stack: Any, tables: Any) -> None:
    decisions = log_decisions(tables)
    with Warehouse(stack.env["TRINO_URL"], "dbt") as warehouse:
        some = warehouse.decided_vectors(decisions, schema_hash(), 10, 20)
        more = warehouse.decided_vectors(decisions, schema_hash(), 10, 30)
        none = warehouse.decided_vectors(decisions, "f" * 64, 10, 20)

    assert len(some) == 20
    assert np.array_equal(more[:20], some)
    assert len(none) == 0
