"""Schemas of a test's own on the real Trino, with tables that stand in for Bronze, and messages to put into them.

Loaded as a script by whoever builds models on messages that he chooses.
"""

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import trino.dbapi

from fraud_contracts import KYC_PROFILES, LABELS, LOGINS, QUARANTINE_TABLE, RAW_TOPICS, TRANSACTIONS, Topic

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
KYC_COLUMNS = """
    kyc_change_id varchar, event_time timestamp(6), user_id varchar, change_type varchar, valid_from timestamp(6),
    customer_since timestamp(6), country varchar, risk_rating varchar, verification_level varchar, _topic varchar,
    _partition integer, _offset bigint, _kafka_timestamp timestamp(6), _schema_id integer, _ingested_at timestamp(6),
    _batch_id bigint, event_date date
"""
# what a model reads of the other topics and of quarantine
OTHERS = [topic for topic in RAW_TOPICS if topic not in (TRANSACTIONS, LABELS, LOGINS, KYC_PROFILES)]
ARRIVAL_COLUMNS = """
    _topic varchar, _partition integer, _offset bigint, _kafka_timestamp timestamp(6), _ingested_at timestamp(6)
"""
DECISION = """
    (transaction_id, user_id, request, event_time, mode, flags, schema_hash, missing, rules_score, fraud_probability,
     fraud_score, risk_tier, verdict, reasons, rule_hits, rules_version, model_version, latency_ms, created_at)
    VALUES (%(id)s, 'U0001', %(request)s, %(at)s, 'full', '{}', 'h', '{}', 0, 0.1,
     10, 'LOW', 'APPROVED', '{one,two}', '{}', '1', '1', 2.5, %(at)s)
"""


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
    category: str | None = "5411"

    def sql(self) -> str:
        category = repr(self.category) if self.category else "null"
        event, broker = at(self.minute), at(self.arrived)
        return (
            f"('{self.transaction_id}', {timestamp(event)}, 'U{self.user:04d}', 'M{self.merchant:03d}', "
            f"decimal '{self.cents / 100:.2f}', 'k:{self.user}', {category}, 'EUR', 'DE', 52.5, 13.4, 'ONLINE', false, "
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
    names_merchant: bool = True

    def sql(self) -> str:
        known = at(self.minute)
        payment = self.payment
        merchant = f"'M{payment.merchant:03d}'" if payment and self.names_merchant else "null"
        who = f"'U{payment.user:04d}', {merchant}, {timestamp(at(payment.minute))}" if payment else ""
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


class Record(NamedTuple):
    """One message of kyc_profiles.raw; ``minute`` is when it became known."""

    kyc_change_id: str
    user: int
    minute: float
    change_type: str
    partition: int
    offset: int
    arrived: float
    risk_rating: str = "LOW"
    table: str = KYC_PROFILES.table

    def sql(self) -> str:
        known, broker = at(self.minute), timestamp(at(self.arrived))
        since = timestamp(START - timedelta(days=self.user))
        return (
            f"('{self.kyc_change_id}', {timestamp(known)}, 'U{self.user:04d}', '{self.change_type}', null, {since}, "
            f"'DE', '{self.risk_rating}', 'FULL', 'kyc_profiles.raw', {self.partition}, {self.offset}, {broker}, 1, "
            f"{broker}, 0, date '{known:%Y-%m-%d}')"
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


def epoch_us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def timestamp(moment: datetime) -> str:
    return f"timestamp '{moment:%Y-%m-%d %H:%M:%S.%f}'"


@dataclass(frozen=True)
class Lake:
    """Schemas of this test alone, with tables that stand in for Bronze."""

    env: dict[str, str]
    prefix: str
    state: Path
    # of a model's rows, taken on in one statement: so few that these short histories come in several pieces
    piece_rows: int = 50
    # further vars of the dbt project
    settings: Mapping[str, Any] = field(default_factory=dict)
    _begun: list["subprocess.Popen[str]"] = field(default_factory=list)

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

    def receive_others(self, rows: Sequence[Other | Attempt | Record]) -> None:
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
        process = self.begin(*arguments)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said[-6000:]
        return said

    def begin(self, *arguments: str, state: Path | None = None) -> "subprocess.Popen[str]":
        """The same, not waited for, in a process group of its own.

        Args:
            arguments: of dbt.
            state: where it keeps its parse state, its logs and its lock, if not where all other runs do.
        """
        state = state or self.state
        settings = json.dumps({"schema_prefix": self.prefix, "piece_rows": self.piece_rows, **self.settings})
        process = subprocess.Popen(
            [str(PROJECT / "run-dbt"), *arguments, "--vars", settings, "--threads", "4"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                **self.env,
                "DBT_TARGET_PATH": str(state / "target"),
                "DBT_LOG_PATH": str(state / "logs"),
            },
            start_new_session=True,
        )
        self._begun.append(process)
        return process

    def end(self) -> None:
        """Kills the runs that nobody has waited for."""
        for process in self._begun:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def written(self, name: str) -> dict[str, Any]:
        """What dbt has written down in the last run: ``manifest.json``, ``run_results.json``."""
        read: dict[str, Any] = json.loads((self.state / "target" / name).read_text(encoding="utf-8"))
        return read

    def outcomes(self) -> dict[str, str]:
        """``pass``, ``fail`` or ``error`` of each node of the last run, by its id."""
        return {result["unique_id"]: result["status"] for result in self.written("run_results.json")["results"]}

    def models(self, materialized: str | None = None) -> list[str]:
        """``schema.name`` of every model above staging, by what dbt made of the project in the last run.

        Args:
            materialized: only those that dbt builds so.
        """
        return [
            f"{node['schema'].removeprefix(self.prefix)}.{node['name']}"
            for node in self.written("manifest.json")["nodes"].values()
            if node["resource_type"] == "model"
            and "staging" not in node["tags"]
            and materialized in (None, node["config"]["materialized"])
        ]

    def columns(self, model: str) -> list[str]:
        return self._columns()[model]

    def content(self, model: str) -> tuple[int, str]:
        """Rows and an order-free hash over every column of every row."""
        return self._contents([model])[model]

    def contents(self) -> dict[str, tuple[int, str]]:
        """The same of every model above staging."""
        return self._contents(self.models())

    def _contents(self, models: list[str]) -> dict[str, tuple[int, str]]:
        columns = self._columns()
        # one statement: a question takes Trino longer to plan than these tables to read
        rows = self.query(
            " union all ".join(
                f"select '{model}', count(*), to_hex(checksum(row({', '.join(columns[model])}))) "
                f"from {self.prefix}{model}"
                for model in models
            )
        )
        return {model: (count, digest) for model, count, digest in rows}

    def _columns(self) -> dict[str, list[str]]:
        """The columns of every model, in the order of their names."""
        rows = self.query(
            "select table_schema, table_name, column_name from delta.information_schema.columns "
            f"where table_schema in ('{self.prefix}silver', '{self.prefix}gold') order by column_name"
        )
        found: dict[str, list[str]] = {}
        for schema, table, column in rows:
            found.setdefault(f"{schema.removeprefix(self.prefix)}.{table}", []).append(f'"{column}"')
        return found


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
    made.query(f"create table {made.prefix}bronze.{KYC_PROFILES.table} ({KYC_COLUMNS})")
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
        made.end()
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
                (None, "5411", "5812")[number % 3],
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
    # the only one that looks at its boundary
    Payment("DAY5", 3, 5800, 900, 1, NEXT[1] + 11, 5801, 2, category=None),
]
SECOND_LABELS = [
    # a correction, the first label sent twice, and one that was known before another
    Verdict("L4", "T3", 4200, False, 4, BY_ID["T3"]),
    Verdict("L1", "T3", 4201, False, 5, BY_ID["T3"]),
    Verdict("L5", "T20", 2400, False, 6),
    Verdict("L6", "DAY4", 5700, True, 7),
    Verdict("L7", "T100", 5701, True, 8),
]
FIRST_OTHERS: list[Other | Attempt | Record] = [
    Attempt("G1", BY_ID["T1"].user, BY_ID["T1"].minute - 1, "FAILURE", 0, 0, 10),
    Attempt("G2", BY_ID["T300"].user, BY_ID["T300"].minute - 2, "LOCKED", 0, 1, 3000),
    Attempt("G3", BY_ID["T300"].user, BY_ID["T300"].minute - 3, "SUCCESS", 0, 2, 3000),
    Record("K1", BY_ID["T300"].user, -10_000, "OPENED", 0, 0, 5),
    Record("K2", BY_ID["T300"].user, BY_ID["T300"].minute + 1, "PHONE_CHANGED", 0, 1, 3002),
    # of a customer who never pays
    Record("K3", 99, -9_000, "OPENED", 0, 2, 5),
    Other(TRANSACTIONS, ["bad_magic_byte"], 0, 100_000, 20),
    # the last minute of its day
    Other(TRANSACTIONS, ["text_encoding", "bad_magic_byte"], 0, 100_001, 899),
]
SECOND_OTHERS: list[Other | Attempt | Record] = [
    # the broker took it before the one of the same id that Bronze landed first
    Attempt("G1", BY_ID["T1"].user, BY_ID["T1"].minute - 1, "SUCCESS", 1, 0, 9),
    # happened on the second day, arrives on the fourth
    Attempt("G4", BY_ID["T200"].user, BY_ID["T200"].minute - 5, "FAILURE", 1, 1, 4100),
    # the second of an id does not count
    Attempt("G3", BY_ID["T300"].user, BY_ID["T300"].minute - 3, "FAILURE", 1, 2, 4100),
    # the second of an id does not count
    Record("K1", BY_ID["T300"].user, -500, "CLOSED", 0, 3, 4100),
    # became known before the record that it meets
    Record("K4", BY_ID["T300"].user, BY_ID["T300"].minute - 3000, "VERIFIED", 0, 4, 4100, "HIGH"),
    Other(LABELS, ["bad_magic_byte"], 0, 100_000, 900),
]
