from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fraud_features import FEATURE_NAMES
from fraud_training.errors import DataError
from fraud_training.split import DAY_US, Period
from fraud_training.train import TrainingData, read_training_data
from fraud_training.warehouse import Warehouse

pytestmark = pytest.mark.integration

MATURITY_DAYS = 7


@pytest.fixture
def warehouse(stack: Any, tables: Any) -> Iterator[Warehouse]:
    with Warehouse(stack.env["TRINO_URL"], "dbt") as opened:
        yield opened


def read(warehouse: Warehouse, tables: Any) -> TrainingData:
    return read_training_data(
        warehouse,
        warehouse.current_version(tables.features),
        warehouse.current_version(tables.labels),
        FEATURE_NAMES,
        MATURITY_DAYS,
    )


def training_bytes(data: TrainingData) -> bytes:
    train = data.train
    ids = "\n".join(train.payments.transaction_ids).encode()
    return ids + train.payments.vectors.tobytes() + train.frauds.tobytes()


def test_vectors_arrive_bit_for_bit_and_in_order(warehouse: Warehouse, tables: Any) -> None:
    version = warehouse.current_version(tables.features)
    span = warehouse.event_range(version)
    payments = warehouse.payments(version, FEATURE_NAMES, Period(span.start_us, span.start_us + DAY_US))

    rows = tables.execute(
        f"SELECT transaction_id, event_us, coalesce(card_hash, user_id), {', '.join(FEATURE_NAMES)} "
        f"FROM {tables.features} WHERE event_us < {span.start_us + DAY_US} ORDER BY event_us, transaction_id"
    )

    assert len(payments) == len(rows) == 200
    assert payments.transaction_ids == tuple(row[0] for row in rows)
    assert payments.event_us.tolist() == [row[1] for row in rows]
    expected = np.array([row[3:] for row in rows], dtype=np.float64).astype(np.float32)
    assert payments.vectors.tobytes() == expected.tobytes()
    names = sorted({row[2] for row in rows})
    assert payments.cards.tolist() == [names.index(row[2]) for row in rows]


def test_a_recorded_version_is_read_again_whatever_happens_later(warehouse: Warehouse, tables: Any) -> None:
    before = warehouse.current_version(tables.labels)
    features = warehouse.current_version(tables.features)
    known = len(warehouse.labels(before, features).labels)
    one = tables.execute(f"SELECT min(label_id) FROM {tables.labels}")[0][0]
    columns = "label_id, transaction_id, known_us, is_fraud"
    tables.execute(
        f"INSERT INTO {tables.labels} ({columns}) SELECT concat(label_id, '-x'), 'of no payment', known_us, is_fraud "
        f"FROM {tables.labels} WHERE label_id = '{one}'"
    )
    after = warehouse.current_version(tables.labels)

    assert after.version > before.version
    assert len(warehouse.labels(before, features).labels) == known
    assert len(warehouse.labels(after, features).labels) == known + 1
    (unmatched,) = (label for label in warehouse.labels(after, features).labels if label.event_us is None)
    assert (unmatched.transaction_id, unmatched.card) == ("of no payment", None)


def test_a_label_comes_with_its_kind_and_with_time_and_card_of_its_payment(warehouse: Warehouse, tables: Any) -> None:
    labels = warehouse.labels(
        warehouse.current_version(tables.labels), warehouse.current_version(tables.features)
    ).labels
    rows = tables.execute(
        f"SELECT l.label_id, l.fraud_type, f.event_us, coalesce(f.card_hash, f.user_id) FROM {tables.labels} AS l "
        f"JOIN {tables.features} AS f ON l.transaction_id = f.transaction_id"
    )

    given = {label.label_id: (label.fraud_type, label.event_us, label.card) for label in labels}
    assert {row[0]: tuple(row[1:]) for row in rows}.items() <= given.items()
    assert {kind for kind, _, _ in given.values()} == {"velocity_burst", None}


def test_labels_of_after_the_cut_off_leave_the_training_set_byte_identical(warehouse: Warehouse, tables: Any) -> None:
    """The half that training answers for: features are given here and only labels change.

    The tests of the transforms rebuild Gold from scrambled labels; the rows of payments before the moment, and so all
    rows of a training set, come out byte-identical there.
    """
    first = read(warehouse, tables)
    cut_off = first.split.train_labels_before_us

    tables.rewrite_labels(known=cut_off, condition=">=")
    later = read(warehouse, tables)
    assert later.labels_version.version > first.labels_version.version
    assert not np.array_equal(later.test.frauds, first.test.frauds)
    assert training_bytes(later) == training_bytes(first)

    tables.rewrite_labels(known=cut_off, condition="<")
    assert training_bytes(read(warehouse, tables)) != training_bytes(first)


def test_a_missing_number_is_named(warehouse: Warehouse, tables: Any) -> None:
    holed = f"{tables.features}_holed"
    ones = ["1.0e0"] * len(FEATURE_NAMES)
    ones[5] = "if(i = 3, NULL, 1.0e0)"
    columns = ", ".join(f"{value} AS {name}" for value, name in zip(ones, FEATURE_NAMES, strict=True))
    tables.execute(
        f"CREATE TABLE {holed} AS SELECT CAST(i AS varchar) AS transaction_id, CAST(i AS bigint) AS event_us, "
        f"'u' AS user_id, 'c' AS card_hash, {columns} FROM UNNEST(sequence(1, 5)) AS numbers (i)"
    )
    try:
        with pytest.raises(DataError, match=rf"NULL in: {FEATURE_NAMES[5]} \(1\)"):
            warehouse.payments(warehouse.current_version(holed), FEATURE_NAMES, Period(0, 10))
    finally:
        tables.execute(f"DROP TABLE {holed}")


def test_stray_payments_do_not_stretch_the_range(warehouse: Warehouse, tables: Any) -> None:
    stray = f"{tables.features}_stray"
    tables.execute(
        f"CREATE TABLE {stray} AS SELECT event_us FROM {tables.features} "
        f"UNION ALL SELECT bigint '1' UNION ALL SELECT bigint '4070908800000000'"
    )
    try:
        usual = warehouse.event_range(warehouse.current_version(tables.features))
        assert warehouse.event_range(warehouse.current_version(stray)) == usual
    finally:
        tables.execute(f"DROP TABLE {stray}")


def test_a_table_that_is_not_there_says_what_to_run(warehouse: Warehouse, tables: Any) -> None:
    with pytest.raises(DataError, match="Run the DAG fraud_pipeline first"):
        warehouse.current_version(f"{tables.features}_nowhere")
