"""dbt on the real Trino.

After late, duplicate and corrected rows an incremental run holds what a rebuild holds. Labels that become known later
change nothing in the features of payments before.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import trino.dbapi

from fraud_contracts import LABELS, LOGINS, QUARANTINE_TABLE, RAW_TOPICS, TRANSACTIONS, Topic
from fraud_features import FEATURES

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2] / "dbt_project"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TRANSACTION_COLUMNS = """
    transaction_id varchar, event_time timestamp(6), user_id varchar, merchant_id varchar, amount decimal(12, 2),
    card_hash varchar, merchant_category_code varchar, currency varchar, country varchar, latitude double,
    longitude double, channel varchar, card_present boolean, device_id varchar, ip_hash varchar,
    transaction_type varchar, is_international boolean, account_id varchar, counterparty_id varchar,
    counterparty_country varchar, card_bin varchar, _topic varchar, _partition integer, _offset bigint,
    _kafka_timestamp timestamp(6), _schema_id integer, _ingested_at timestamp(6), _batch_id bigint, event_date date
"""
LABEL_COLUMNS = """
    label_id varchar, transaction_id varchar, event_time timestamp(6), is_fraud boolean, user_id varchar,
    merchant_id varchar, transaction_time timestamp(6), source varchar, fraud_type varchar, _topic varchar,
    _partition integer, _offset bigint, _kafka_timestamp timestamp(6), _schema_id integer, _ingested_at timestamp(6),
    _batch_id bigint, event_date date
"""
LOGIN_COLUMNS = """
    login_id varchar, event_time timestamp(6), user_id varchar, outcome varchar, failure_reason varchar, method varchar,
    channel varchar, device_id varchar, ip_hash varchar, country varchar, latitude double, longitude double,
    session_id varchar, _topic varchar, _partition integer, _offset bigint, _kafka_timestamp timestamp(6),
    _schema_id integer, _ingested_at timestamp(6), _batch_id bigint, event_date date
"""
# what a model reads of the other topics and of quarantine
OTHERS = [topic for topic in RAW_TOPICS if topic not in (TRANSACTIONS, LABELS, LOGINS)]
ARRIVAL_COLUMNS = """
    _topic varchar, _partition integer, _offset bigint, _kafka_timestamp timestamp(6), _ingested_at timestamp(6)
"""
DECISION = """
    (transaction_id, user_id, request, event_time, mode, flags, schema_hash, missing, rules_score, fraud_probability,
     fraud_score, risk_tier, verdict, reasons, rule_hits, rules_version, model_version, latency_ms, created_at)
    VALUES (%(id)s, 'U0001', %(request)s, %(at)s, 'full', '{}', 'h', '{}', 0, 0.1,
     10, 'LOW', 'APPROVED', '{one,two}', '{}', '1', '1', 2.5, %(at)s)
"""
HASHED = (
    "silver.int_transactions",
    "silver.int_labels_as_of",
    "silver.int_logins",
    "silver.int_transactions_enriched",
    "silver.int_user_daily",
    "gold.mart_hourly_metrics",
    "gold.mart_user_risk_profiles",
    "gold.mart_user_profile",
    "gold.mart_merchant_risk",
    "gold.mart_fraud_features",
    "gold.mart_user_profile_current",
    "gold.mart_merchant_risk_current",
    "gold.mart_transactions",
    "gold.mart_decisions",
    "gold.mart_landing_daily",
)


class Payment(NamedTuple):
    """One message of transactions.raw; ``minute`` is event time after START, ``arrived`` the broker's minute."""

    transaction_id: str
    user: int
    minute: float
    cents: int
    partition: int
    offset: int
    arrived: float
    merchant: int = 1

    def sql(self) -> str:
        event, broker = at(self.minute), at(self.arrived)
        return (
            f"('{self.transaction_id}', {timestamp(event)}, 'U{self.user:04d}', 'M{self.merchant:03d}', "
            f"decimal '{self.cents / 100:.2f}', 'k:{self.user}', '5411', 'EUR', 'DE', 52.5, 13.4, 'ONLINE', false, "
            f"'D{self.user}', null, 'PURCHASE', false, null, null, null, null, 'transactions.raw', {self.partition}, "
            f"{self.offset}, {timestamp(broker)}, 1, {timestamp(broker)}, 0, date '{event:%Y-%m-%d}')"
        )


class Verdict(NamedTuple):
    """One message of labels.raw."""

    label_id: str
    transaction_id: str
    minute: float
    is_fraud: bool
    offset: int
    payment: Payment | None = None

    def sql(self) -> str:
        known = at(self.minute)
        payment = self.payment
        who = f"'U{payment.user:04d}', 'M{payment.merchant:03d}', {timestamp(at(payment.minute))}" if payment else ""
        return (
            f"('{self.label_id}', '{self.transaction_id}', {timestamp(known)}, {str(self.is_fraud).lower()}, "
            f"{who or 'null, null, null'}, 'CHARGEBACK', null, 'labels.raw', 0, {self.offset}, {timestamp(known)}, 1, "
            f"{timestamp(known)}, 0, date '{known:%Y-%m-%d}')"
        )


class Attempt(NamedTuple):
    """One message of logins.raw."""

    login_id: str
    user: int
    minute: float
    outcome: str
    partition: int
    offset: int
    arrived: float
    table: str = LOGINS.table

    def sql(self) -> str:
        event, broker = at(self.minute), timestamp(at(self.arrived))
        return (
            f"('{self.login_id}', {timestamp(event)}, 'U{self.user:04d}', '{self.outcome}', null, null, null, null, "
            f"null, null, null, null, null, 'logins.raw', {self.partition}, {self.offset}, {broker}, 1, {broker}, 0, "
            f"date '{event:%Y-%m-%d}')"
        )


class Other(NamedTuple):
    """One message of another topic, by its id or, if it was set aside, by the reasons."""

    topic: Topic
    told: str | list[str]
    partition: int
    offset: int
    arrived: float

    @property
    def table(self) -> str:
        return self.topic.table if isinstance(self.told, str) else QUARANTINE_TABLE

    def sql(self) -> str:
        broker = timestamp(at(self.arrived))
        told = repr(self.told) if isinstance(self.told, str) else f"array{self.told}"
        return f"({told}, '{self.topic.name}', {self.partition}, {self.offset}, {broker}, {broker})"


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def timestamp(moment: datetime) -> str:
    return f"timestamp '{moment:%Y-%m-%d %H:%M:%S.%f}'"


@dataclass(frozen=True)
class Lake:
    """Schemas of this test alone, with tables that stand in for Bronze."""

    env: dict[str, str]
    prefix: str
    state: Path

    def query(self, sql: str) -> list[Any]:
        host, _, port = self.env["TRINO_URL"].rpartition("//")[2].partition(":")
        with trino.dbapi.connect(host=host, port=int(port), user="dbt", catalog="delta") as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def receive(self, payments: list[Payment], labels: list[Verdict]) -> None:
        """What the Bronze writer would append."""
        for table, rows in (("transactions", payments), ("labels", labels)):
            if rows:
                values = ", ".join(row.sql() for row in rows)
                self.query(f"insert into {self.prefix}bronze.{table} values {values}")

    def receive_others(self, rows: list[Other | Attempt]) -> None:
        """The same for the other topics and for quarantine."""
        for row in rows:
            self.query(f"insert into {self.prefix}bronze.{row.table} values {row.sql()}")

    def decide(self, *decisions: tuple[str, float]) -> None:
        """What the API would record: transaction ids, and the minute in which PostgreSQL took the record."""
        with self.postgres() as connection:
            for transaction_id, minute in decisions:
                connection.execute(
                    f"INSERT INTO {self.prefix}public.decisions {DECISION}",
                    {"id": transaction_id, "at": at(minute), "request": '{"merchant_id": "M001", "amount": "1.50"}'},
                )

    def postgres(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=self.env["POSTGRES_HOST"],
            port=self.env["POSTGRES_CONNECT_PORT"],
            user="fraud",
            password=self.env["FRAUD_DB_PASSWORD"],
            dbname="fraud",
        )

    def dbt(self, *arguments: str) -> str:
        """Runs dbt the way the DAG does, on this test's schemas."""
        done = subprocess.run(
            [str(PROJECT / "run-dbt"), *arguments, "--vars", f"{{schema_prefix: {self.prefix}}}", "--threads", "4"],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={
                **os.environ,
                **self.env,
                "DBT_TARGET_PATH": str(self.state / "target"),
                "DBT_LOG_PATH": str(self.state / "logs"),
            },
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
        return done.stdout

    def columns(self, model: str) -> list[str]:
        schema, _, table = model.partition(".")
        rows = self.query(
            "select column_name from delta.information_schema.columns "
            f"where table_schema = '{self.prefix}{schema}' and table_name = '{table}' order by column_name"
        )
        return [f'"{name}"' for (name,) in rows]

    def content(self, model: str) -> tuple[int, str]:
        """Rows and an order-free hash over every column of every row."""
        row = ", ".join(self.columns(model))
        ((count, digest),) = self.query(f"select count(*), to_hex(checksum(row({row}))) from {self.prefix}{model}")
        return count, digest

    def contents(self) -> dict[str, tuple[int, str]]:
        return {model: self.content(model) for model in HASHED}


@contextmanager
def lake_of_its_own(stack: Any, state: Path) -> Iterator[Lake]:
    stack.need("trino", "lakehouse-init", "serving-init")
    made = Lake(stack.env, f"it_{secrets.token_hex(4)}_", state)
    location = f"s3://{stack.env['S3_BUCKET']}/silver"
    for schema in ("bronze", "silver", "gold"):
        # the metastore may only name folders that exist; each table gets one of its own below
        made.query(f"create schema {made.prefix}{schema} with (location = '{location}')")
    made.query(f"create table {made.prefix}bronze.transactions ({TRANSACTION_COLUMNS})")
    made.query(f"create table {made.prefix}bronze.labels ({LABEL_COLUMNS})")
    made.query(f"create table {made.prefix}bronze.logins ({LOGIN_COLUMNS})")
    for topic in OTHERS:
        made.query(f"create table {made.prefix}bronze.{topic.table} ({topic.id_field} varchar, {ARRIVAL_COLUMNS})")
    made.query(f"create table {made.prefix}bronze.{QUARANTINE_TABLE} (reasons array(varchar), {ARRIVAL_COLUMNS})")
    with made.postgres() as connection:
        connection.execute(f"CREATE SCHEMA {made.prefix}public")
        connection.execute(f"CREATE TABLE {made.prefix}public.decisions (LIKE public.decisions INCLUDING ALL)")
        connection.execute(f"GRANT USAGE ON SCHEMA {made.prefix}public TO fraud_reader")
        connection.execute(f"GRANT SELECT ON {made.prefix}public.decisions TO fraud_reader")
    try:
        yield made
    finally:
        for schema in ("gold", "silver", "bronze"):
            tables = made.query(
                "select table_name, table_type from delta.information_schema.tables "
                f"where table_schema = '{made.prefix}{schema}'"
            )
            for name, kind in tables:
                made.query(f"drop {'view' if kind == 'VIEW' else 'table'} {made.prefix}{schema}.{name}")
            made.query(f"drop schema {made.prefix}{schema}")
        with made.postgres() as connection:
            connection.execute(f"DROP SCHEMA {made.prefix}public CASCADE")


@pytest.fixture(scope="module")
def lake(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as made:
        yield made


def history() -> list[Payment]:
    """Three days of twelve users in two partitions, one payment every ten minutes."""
    rows, offsets = [], [0, 0]
    for number in range(400):
        user = number * 7 % 12
        partition = user % 2
        minute = number * 10.0 + user / 7
        rows.append(
            Payment(
                f"T{number}",
                user,
                minute,
                100 + number * 13 % 9000,
                partition,
                offsets[partition],
                minute + 1,
                number % 5 + 1,
            )
        )
        offsets[partition] += 1
    # the only payment of its user and of its hour, until another message turns out to be the first of this id
    rows.append(Payment("MOVED", 40, 4150, 777, 0, offsets[0], 4160))
    return rows


FIRST = history()
BY_ID = {row.transaction_id: row for row in FIRST}
NEXT = {partition: sum(row.partition == partition for row in FIRST) for partition in (0, 1)}
FIRST_LABELS = [
    Verdict("L1", "T3", 2000, True, 0, BY_ID["T3"]),
    Verdict("L2", "T20", 2500, True, 1),
    # its payment arrives only later
    Verdict("L3", "LATE", 2600, True, 2),
    # knows neither user nor time, and its payment turns out to be another's
    Verdict("L8", "MOVED", 4170, True, 3),
]
SECOND = [
    # the same payment once more, with another amount: it must not replace the first
    BY_ID["T5"]._replace(cents=999_999, offset=NEXT[BY_ID["T5"].partition], arrived=4100),
    # happened on the first day, arrives on the fourth
    Payment("LATE", 2, 60.000001, 4200, 0, NEXT[0] + 10, 4101, 3),
    Payment("DAY4", 3, 4300, 700, 1, NEXT[1] + 10, 4301, 2),
    # a partition that was never seen, with offsets below all others, and a message that the broker took before the
    # one of the same id that Bronze landed first
    Payment("NEWPART", 30, 4400, 1234, 2, 0, 4401, 4),
    BY_ID["T7"]._replace(cents=4321, partition=2, offset=1, arrived=BY_ID["T7"].arrived - 0.5),
    Payment("MOVED", 41, 100, 778, 2, 2, 4159),
    Payment("DAY5", 3, 5800, 900, 1, NEXT[1] + 11, 5801, 2),
]
SECOND_LABELS = [
    # a correction, the first label sent twice, and one that was known before another
    Verdict("L4", "T3", 4200, False, 4, BY_ID["T3"]),
    Verdict("L1", "T3", 4201, False, 5, BY_ID["T3"]),
    Verdict("L5", "T20", 2400, False, 6),
    Verdict("L6", "DAY4", 5700, True, 7),
    Verdict("L7", "T100", 5701, True, 8),
]
# of users that pay at ten past
FIRST_OTHERS: list[Other | Attempt] = [
    Attempt("G1", BY_ID["T1"].user, BY_ID["T1"].minute - 1, "FAILURE", 0, 0, 10),
    Attempt("G2", BY_ID["T300"].user, BY_ID["T300"].minute - 2, "LOCKED", 0, 1, 3000),
    Attempt("G3", BY_ID["T300"].user, BY_ID["T300"].minute - 3, "SUCCESS", 0, 2, 3000),
    Other(TRANSACTIONS, ["bad_magic_byte"], 0, 100_000, 20),
    # the last minute of its day
    Other(TRANSACTIONS, ["text_encoding", "bad_magic_byte"], 0, 100_001, 899),
]
SECOND_OTHERS: list[Other | Attempt] = [
    # the broker took it before the one of the same id that Bronze landed first
    Attempt("G1", BY_ID["T1"].user, BY_ID["T1"].minute - 1, "SUCCESS", 1, 0, 9),
    # happened on the second day, arrives on the fourth
    Attempt("G4", BY_ID["T200"].user, BY_ID["T200"].minute - 5, "FAILURE", 1, 1, 4100),
    # the second of an id does not count
    Attempt("G3", BY_ID["T300"].user, BY_ID["T300"].minute - 3, "FAILURE", 1, 2, 4100),
    Other(LABELS, ["bad_magic_byte"], 0, 100_000, 900),
]


@pytest.fixture(scope="module")
def incremental(lake: Lake) -> dict[str, tuple[int, str]]:
    """Contents of every model after a build and an incremental run."""
    lake.receive(FIRST, FIRST_LABELS)
    lake.receive_others(FIRST_OTHERS)
    lake.decide(("T1", 1000), ("T2", 2000))
    lake.dbt("build", "--exclude-resource-type", "test", "unit_test")
    lake.receive(SECOND, SECOND_LABELS)
    lake.receive_others(SECOND_OTHERS)
    # one became visible after a record that was made later
    lake.decide(("T3", 1990), ("T4", 3000))
    lake.dbt("run")
    return lake.contents()


@pytest.mark.slow
def test_the_first_message_of_an_id_is_kept(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    received: dict[str, Payment] = {}
    for row in sorted(FIRST + SECOND, key=lambda row: (row.arrived, row.partition, row.offset)):
        received.setdefault(row.transaction_id, row)
    kept = lake.query(
        f"select transaction_id, event_us, amount_cents, _partition, _offset from {lake.prefix}silver.int_transactions"
    )
    expected = [
        (row.transaction_id, epoch_us(at(row.minute)), row.cents, row.partition, row.offset)
        for row in received.values()
    ]
    assert sorted(tuple(row) for row in kept) == sorted(expected)
    assert incremental["silver.int_transactions"][0] == len(received)


@pytest.mark.slow
def test_failed_logins_are_those_of_the_first_messages(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    found = lake.query(
        f"select transaction_id, user_failed_logins_count_10m from {lake.prefix}gold.mart_fraud_features "
        "where user_failed_logins_count_24h > 0 and transaction_id in ('T1', 'T200', 'T300')"
    )
    assert sorted(tuple(row) for row in found) == [("T200", 1), ("T300", 1)]
    assert incremental["silver.int_logins"][0] == 4


@pytest.mark.slow
def test_days_and_hours_that_lost_their_last_payment_are_gone(
    lake: Lake, incremental: dict[str, tuple[int, str]]
) -> None:
    moved = lake.query(
        f"select user_id, transaction_count from {lake.prefix}silver.int_user_daily where user_id in ('U0040', 'U0041')"
    )
    assert [tuple(row) for row in moved] == [("U0041", 1)]
    hour = timestamp(at(4150).replace(minute=0))
    assert lake.query(f"select * from {lake.prefix}gold.mart_hourly_metrics where event_hour = {hour}") == []
    assert incremental["silver.int_user_daily"][0] > 0


@pytest.mark.slow
def test_a_corrected_label_holds_only_until_the_correction(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    rows = lake.query(
        "select label_id, is_fraud, known_us, superseded_us, user_id, transaction_us "
        f"from {lake.prefix}silver.int_labels_as_of where transaction_id in ('T3', 'T20', 'LATE') order by label_id"
    )
    minutes = {2000: "L1", 2400: "L5", 2500: "L2", 2600: "L3", 4200: "L4"}
    known = {label: epoch_us(at(minute)) for minute, label in minutes.items()}
    t20, late = BY_ID["T20"], SECOND[1]
    assert [tuple(row) for row in rows] == [
        ("L1", True, known["L1"], known["L4"], "U0009", epoch_us(at(BY_ID["T3"].minute))),
        ("L2", True, known["L2"], None, f"U{t20.user:04d}", epoch_us(at(t20.minute))),
        ("L3", True, known["L3"], None, "U0002", epoch_us(at(late.minute))),
        ("L4", False, known["L4"], None, "U0009", epoch_us(at(BY_ID["T3"].minute))),
        ("L5", False, known["L5"], known["L2"], f"U{t20.user:04d}", epoch_us(at(t20.minute))),
    ]
    assert incremental["silver.int_labels_as_of"][0] == 8


@pytest.mark.slow
def test_a_label_filled_from_a_payment_follows_it(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    rows = lake.query(
        f"select label_id, user_id, transaction_us from {lake.prefix}silver.int_labels_as_of "
        "where transaction_id = 'MOVED'"
    )
    assert [tuple(row) for row in rows] == [("L8", "U0041", epoch_us(at(100)))]
    assert incremental["gold.mart_user_risk_profiles"][0] > 0


@pytest.mark.slow
def test_every_decision_is_in_gold_once_however_late_it_became_visible(
    lake: Lake, incremental: dict[str, tuple[int, str]]
) -> None:
    rows = lake.query(
        f"select transaction_id, decided_at, merchant_id, amount, reasons from {lake.prefix}gold.mart_decisions"
    )
    made = {"T1": 1000, "T2": 2000, "T3": 1990, "T4": 3000}
    expected = [
        (key, at(minute).replace(tzinfo=None), "M001", Decimal("1.50"), "one; two") for key, minute in made.items()
    ]
    assert sorted(tuple(row) for row in rows) == sorted(expected)
    assert incremental["gold.mart_decisions"][0] == len(made)


@pytest.mark.slow
def test_every_message_is_counted_with_what_became_of_it(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    counted = lake.query(
        f"select topic, outcome, reason, sum(message_count) from {lake.prefix}gold.mart_landing_daily "
        "group by topic, outcome, reason"
    )
    payments, labels = FIRST + SECOND, FIRST_LABELS + SECOND_LABELS
    payment_ids, label_ids = ({row[0] for row in rows} for rows in (payments, labels))
    assert sorted(tuple(row) for row in counted) == sorted(
        [
            ("transactions.raw", "landed", "", len(payment_ids)),
            ("transactions.raw", "repeated", "", len(payments) - len(payment_ids)),
            ("transactions.raw", "quarantined", "bad_magic_byte", 1),
            ("transactions.raw", "quarantined", "text_encoding", 1),
            ("labels.raw", "landed", "", len(label_ids)),
            ("labels.raw", "repeated", "", len(labels) - len(label_ids)),
            ("labels.raw", "quarantined", "bad_magic_byte", 1),
            ("logins.raw", "landed", "", 4),
            ("logins.raw", "repeated", "", 2),
        ]
    )
    days = lake.query(
        f"select arrival_date, newest_arrival_at from {lake.prefix}gold.mart_landing_daily "
        "where outcome = 'quarantined' order by newest_arrival_at"
    )
    arrivals = [at(minute).replace(tzinfo=None) for minute in (20, 899, 900)]
    assert [tuple(row) for row in days] == [(arrival.date(), arrival) for arrival in arrivals]
    assert incremental["gold.mart_landing_daily"][0] > len(counted)


@pytest.mark.slow
def test_a_run_without_news_changes_nothing(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    lake.dbt("run")
    assert lake.contents() == incremental


@pytest.mark.slow
def test_a_rebuild_gives_the_same_content(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    lake.dbt("run", "--full-refresh")
    assert lake.contents() == incremental
    assert all(count > 0 for count, _ in incremental.values())


@pytest.mark.slow
def test_every_data_and_unit_test_passes(lake: Lake, incremental: dict[str, tuple[int, str]]) -> None:
    said = lake.dbt("test")
    assert " ERROR=0 " in said
    assert incremental


# Noon of the third day. Payments from two in the morning on look at that day's boundary, some before the cut and some
# after it; what is known by midnight shows from the boundary of the fourth day on.
CUT = 3060
LABELLED = [
    Verdict(f"A{number}", f"T{number}", number * 10 + 1000, number % 3 > 0, offset, BY_ID[f"T{number}"])
    for offset, number in enumerate(range(0, 290, 7))
]
# every label known before the cut is contradicted from then on, and payments of before turn out to be fraud
ADDED = [
    *(
        label._replace(
            label_id=f"B{label.offset}", minute=CUT + label.offset, is_fraud=not label.is_fraud, offset=offset
        )
        for offset, label in enumerate(LABELLED, len(LABELLED))
        if label.minute < CUT
    ),
    *(
        Verdict(f"C{number}", f"T{number}", CUT + number, True, offset)
        for offset, number in enumerate(range(1, 300, 7), 2 * len(LABELLED))
    ),
]


def build_features(lake: Lake) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rebuilds; hashes of whole rows and of each column, over the payments before the cut and over those from it on."""
    lake.dbt("run", "--full-refresh", "--select", "+mart_fraud_features")
    columns = lake.columns("gold.mart_fraud_features")
    hashes = ", ".join(f"to_hex(checksum({column}))" for column in (f"row({', '.join(columns)})", *columns))
    cut = epoch_us(at(CUT))
    before, after = (
        lake.query(f"select count(*), {hashes} from {lake.prefix}gold.mart_fraud_features where event_us {condition}")
        for condition in (f"< {cut}", f">= {cut}")
    )
    names = ("rows", "whole rows", *(column.strip('"') for column in columns))
    return dict(zip(names, before[0], strict=True)), dict(zip(names, after[0], strict=True))


@pytest.mark.slow
def test_labels_known_from_a_moment_on_leave_the_features_before_it_byte_identical(stack: Any, tmp_path: Path) -> None:
    with lake_of_its_own(stack, tmp_path) as lake:
        lake.receive(FIRST, LABELLED)
        before, after = build_features(lake)
        lake.query(
            f"update {lake.prefix}bronze.labels set is_fraud = not is_fraud where event_time >= {timestamp(at(CUT))}"
        )
        lake.receive([], ADDED)
        before_scrambled, after_scrambled = build_features(lake)

    assert before_scrambled == before
    # each column that a label enters differs later on: a leak through any of them would show above
    told_by_labels = {feature.name for feature in FEATURES if feature.source == "labels"}
    assert told_by_labels <= {name for name in after if after_scrambled[name] != after[name]}


def epoch_us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
