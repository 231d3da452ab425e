"""A small Gold and Silver of our own in the running warehouse, and a registry under a name of our own."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import trino
from typer.testing import CliRunner

from fraud_features import FEATURES
from fraud_training.baselines import AMOUNT_COLUMN
from fraud_training.cli import app
from fraud_training.split import DAY_US

DAYS = 40
PAYMENTS = 8000
BUSY_COLUMNS = 8
START_US = 1_750_000_000_000_000
# the features that tell this world's frauds: both must be far from the middle
TELLING = (AMOUNT_COLUMN + 1, AMOUNT_COLUMN + 2)


@dataclass(frozen=True)
class Tables:
    """Where a test's tables are, and a way to change them."""

    features: str
    labels: str
    execute: Any

    def rewrite_labels(self, known: str, condition: str) -> None:
        """Give the labels of a condition to other payments and turn a third of them round."""
        draw = "abs(from_big_endian_64(xxhash64(to_utf8(label_id))))"
        other = _transaction_id(f"mod({draw}, {PAYMENTS})")
        self.execute(
            f"UPDATE {self.labels} SET transaction_id = {other}, is_fraud = mod({draw}, 3) > 0 "
            f"WHERE known_us {condition} {known}"
        )


def _transaction_id(number: str) -> str:
    return f"concat('t', lpad(CAST({number} AS varchar), 6, '0'))"


def _draw(column: int) -> str:
    """A number between -1 and 1 that looks random and is a function of the row."""
    digest = f"xxhash64(to_utf8(concat('{column}-', CAST(i AS varchar))))"
    return f"CAST(from_big_endian_64({digest}) AS double) / power(2, 63)"


def _features_sql(table: str) -> str:
    absent = [f"CAST({feature.missing} AS double)" for feature in FEATURES]
    values = [_draw(column) for column in range(BUSY_COLUMNS)] + absent[BUSY_COLUMNS:]
    columns = ", ".join(f"{value} AS {feature.name}" for value, feature in zip(values, FEATURES, strict=True))
    step = DAYS * DAY_US // PAYMENTS
    return (
        f"CREATE TABLE {table} AS SELECT {_transaction_id('i')} AS transaction_id, "
        f"{START_US} + i * {step} AS event_us, concat('u', CAST(mod(i * 7, 200) AS varchar)) AS user_id, "
        f"if(mod(i, 10) > 0, concat('c', CAST(mod(i * 7, 200) AS varchar))) AS card_hash, {columns} "
        f"FROM UNNEST(sequence(0, {PAYMENTS - 1})) AS numbers (i)"
    )


def _labels_sql(table: str, features: str) -> str:
    first, second = (FEATURES[column].name for column in TELLING)
    return (
        f"CREATE TABLE {table} AS SELECT concat('l-', transaction_id) AS label_id, transaction_id, "
        f"event_us + {DAY_US} + mod(event_us, {3 * DAY_US}) AS known_us, true AS is_fraud, "
        "if(substr(transaction_id, -1) < '5', 'velocity_burst') AS fraud_type "
        f"FROM {features} WHERE abs({first}) + abs({second}) > 1.65"
    )


@pytest.fixture(scope="module")
def tables(stack: Any) -> Iterator[Tables]:
    """Features and labels of 40 days, made by Trino and dropped at the end."""
    stack.need("trino")
    url = urlparse(stack.env["TRINO_URL"])
    connection = trino.dbapi.connect(host=url.hostname, port=url.port, user="dbt", http_scheme=url.scheme)

    def execute(sql: str) -> list[list[Any]]:
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall()

    schema = f"delta.training_{uuid.uuid4().hex[:8]}"
    made = Tables(f"{schema}.features", f"{schema}.labels", execute)
    execute(f"CREATE SCHEMA {schema} WITH (location = 's3://{stack.env['S3_BUCKET']}/gold')")
    try:
        execute(_features_sql(made.features))
        execute(_labels_sql(made.labels, made.features))
        yield made
    finally:
        for (table,) in execute(f"SHOW TABLES FROM {schema}"):
            execute(f"DROP TABLE {schema}.{table}")
        execute(f"DROP SCHEMA {schema}")
        connection.close()


@pytest.fixture
def model_name() -> str:
    """A registered model that no other test writes to."""
    return f"test_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def command(
    stack: Any, model_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Runs a command of ours for this test's own model and returns its JSON.

    In this process: starting MLflow's client takes longer than most of the commands.
    """
    stack.need("trino", "mlflow")
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)

    monkeypatch.setenv("FRAUD_TRAINING_REPORTS_DIR", str(tmp_path))

    def run(*arguments: str, exit_code: int = 0, **environment: str) -> dict[str, Any]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, [*arguments, "--model-name", model_name], catch_exceptions=False)
        assert done.exit_code == exit_code, done.output
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run
