"""Writing down what a look at the served model found, where the lag exporter and the retraining rule read it."""
# ruff: noqa: S608 - the table's name is checked, columns are the contract's, values are parameters

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fraud_contracts import CATALOG
from fraud_contracts import model_figures as contract
from fraud_training.drift import SCORE, Drift, Stability
from fraud_training.shadow import Shadow
from fraud_training.warehouse import Warehouse, check_table_name

FIGURES_TABLE = f"{CATALOG}.{contract.MONITORING}.{contract.MODEL_FIGURES_TABLE}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a measure of one subject, None where too few payments carry it."""

    measure: str
    subject: str
    value: float | None
    payments: int
    reference_payments: int | None = None


def figures_of_drift(drift: Drift) -> list[Figure]:
    """The index of the score and of each feature that the model looks at, and how many of them have drifted."""
    used = [one for one in drift.features if one.is_used]
    judged = [one for one in used if one.index is not None]
    return [
        _index(contract.SCORE_INDEX, drift.score),
        *(_index(contract.FEATURE_INDEX, one) for one in used),
        Figure(
            contract.DRIFTED_FEATURES,
            "",
            float(len(drift.drifted)) if judged else None,
            drift.score.payments,
            drift.score.reference_payments,
        ),
    ]


def _index(measure: str, one: Stability) -> Figure:
    return Figure(measure, one.name, one.index, one.payments, one.reference_payments)


def figures_of_shadow(shadow: Shadow | None) -> list[Figure]:
    """What the comparison found; without a challenger, or a decision, that nothing was compared."""
    if shadow is None:
        return [Figure(contract.DECISIONS, "", 0.0, 0)]
    count, enough = shadow.decisions, shadow.is_enough
    return [
        Figure(contract.DECISIONS, "", float(count), count),
        Figure(contract.MEAN_DIFFERENCE, "", shadow.mean_difference if enough else None, count),
        Figure(contract.RANK_CORRELATION, "", shadow.rank_correlation if enough else None, count),
        *(Figure(contract.DISAGREEMENT, name, one.share if enough else None, count) for name, one in shadow.at.items()),
    ]


@dataclass(frozen=True, slots=True)
class MeasuredDrift:
    """The newest look at drift that was written down."""

    at: str
    """When, by the clock of Trino."""
    version: int
    score_index: float | None
    drifted_features: tuple[str, ...]
    """Worst first."""


class FigureTable:
    """The table of figures, as one command writes or reads it."""

    def __init__(self, warehouse: Warehouse, bucket: str, table: str = FIGURES_TABLE) -> None:
        """
        Raises:
            DataError: ``table`` is not of the form catalog.schema.table.
        """
        self._warehouse = warehouse
        self._bucket = bucket
        self._table = check_table_name(table)

    def write(self, kind: str, version: int, other: int | None, figures: Sequence[Figure]) -> None:
        """Add one look's figures in one commit, after making the table where it is missing.

        Raises:
            DataError: Trino does not answer or refuses.
        """
        columns = ", ".join(f"{name} {kind_of}" for name, kind_of in contract.MODEL_FIGURES_COLUMNS)
        self._prepare(columns)
        common = {"kind": kind, "model_version": version, "other_version": other}
        rows = json.dumps([common | asdict(figure) for figure in figures])
        names = ", ".join(name for name, _ in contract.MODEL_FIGURES_COLUMNS)
        self._run(
            f"INSERT INTO {self._table} (measured_at, {names}) SELECT current_timestamp(3), {names} "
            f"FROM UNNEST(CAST(json_parse(?) AS array(row({columns}))))",
            [rows],
        )

    def newest_drift(self, bound: float) -> MeasuredDrift | None:
        """The newest look at drift, with the features whose index reaches a bound; None before the first.

        Raises:
            DataError: Trino does not answer or refuses.
        """
        if not self._exists():
            return None
        look = f"kind = '{contract.DRIFT}'"
        newest = f"SELECT max(measured_at) FROM {self._table} WHERE {look}"
        rows = self._run(
            f"SELECT CAST(measured_at AS varchar), model_version, measure, subject, value FROM {self._table} "
            f"WHERE {look} AND measured_at = ({newest}) ORDER BY value DESC, subject"
        )
        if not rows:
            return None
        at, version = rows[0][:2]
        values = {(measure, subject): value for _, _, measure, subject, value in rows}
        return MeasuredDrift(
            at=str(at),
            version=int(version),
            score_index=values.get((contract.SCORE_INDEX, SCORE)),
            drifted_features=tuple(
                subject
                for (measure, subject), value in values.items()
                if measure == contract.FEATURE_INDEX and value is not None and value >= bound
            ),
        )

    def _prepare(self, columns: str) -> None:
        catalog, schema, _ = self._table.split(".")
        location = f"s3://{self._bucket}/{contract.MONITORING_PREFIX}"
        self._run(f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema} WITH (location = '{location}')")
        self._run(f"CREATE TABLE IF NOT EXISTS {self._table} (measured_at timestamp(3) with time zone, {columns})")

    def _exists(self) -> bool:
        catalog, schema, name = self._table.split(".")
        return bool(
            self._run(
                f"SELECT 1 FROM {catalog}.information_schema.tables WHERE table_schema = ? AND table_name = ?",
                [schema, name],
            )
        )

    def _run(self, sql: str, parameters: Sequence[Any] | None = None) -> list[list[Any]]:
        return [row for chunk in self._warehouse.rows(sql, parameters) for row in chunk]
