"""The generated SQL on the real Trino, the online computation and the plain reference give one vector."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlparse

import pytest
import redis
import trino

from fraud_features import (
    FEATURE_NAMES,
    FEATURES,
    RECENT_SCRIPT,
    FeatureSettings,
    KycChange,
    Login,
    Profile,
    Profiles,
    Recent,
    RecentEvents,
    RecentLogins,
    Transaction,
    UserFeatures,
    boundary_us,
    compute_features,
    login_call,
    parse_recent,
    recent_call,
)
from fraud_features.features import PROFILE_ENTITIES, US_PER_DAY, WINDOW_ENTITIES
from fraud_features.histories import START_US, History, sample_history
from fraud_features.literals import kyc_relation, labels_relation, logins_relation, transactions_relation
from fraud_features.profile import stored_columns
from fraud_features.redis_layout import pack_profiles, profile_from_row, unpack_profiles
from fraud_features.reference import Reference
from fraud_features.sql import COUNTER_NAMES, features_query
from fraud_features.sql_counters import counters_query
from fraud_features.sql_profiles import Maturity, current_needed, profile_query
from fraud_features.sql_text import as_of_sql
from fraud_features.sql_windows import ENTITY_COLUMNS

pytestmark = pytest.mark.integration
SETTINGS = FeatureSettings()
LAG = str(SETTINGS.profile_lag_us)
MATURITY = Maturity.of(SETTINGS.label_maturity_days)
SIZE = 300
MANY = 100_000
CHUNK = 2_000
"""Rows in one statement: Trino reads at most a million characters."""
SLOT_US = 30 * 60 * 1_000_000
CUT_US = START_US + 80 * US_PER_DAY


@dataclass(frozen=True)
class Lake:
    """A schema of this test alone."""

    connection: Any
    schema: str

    def query(self, sql: str) -> list[list[Any]]:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        rows: list[list[Any]] = cursor.fetchall()
        return rows

    def keep(self, table: str, sql: str) -> str:
        self.query(f"create table {self.schema}.{table} as {sql}")
        return f"{self.schema}.{table}"


@dataclass(frozen=True)
class Gold:
    """What the generated SQL makes of one history."""

    history: History
    vectors: dict[str, UserFeatures]
    profiles: dict[tuple[str, str, int], Profile]
    current: dict[str, list[tuple[str, Profile]]]


@pytest.fixture(scope="module")
def lake(stack: Any) -> Iterator[Lake]:
    stack.need("trino", "lakehouse-init")
    with schema_of_its_own(stack.env) as made:
        yield made


@contextmanager
def schema_of_its_own(env: Mapping[str, str]) -> Iterator[Lake]:
    """A schema for as long as the ``with`` block lasts."""
    url = urlparse(env["TRINO_URL"])
    connection = trino.dbapi.connect(host=url.hostname, port=url.port, user="dbt", http_scheme=url.scheme)
    made = Lake(connection, f"delta.it_features_{secrets.token_hex(4)}")
    # the metastore may only name folders that exist; every table has one of its own below
    made.query(f"create schema {made.schema} with (location = 's3://{env['S3_BUCKET']}/silver')")
    yield made
    for (table,) in made.query(f"show tables from {made.schema}"):
        made.query(f"drop table {made.schema}.{table}")
    made.query(f"drop schema {made.schema}")
    connection.close()


def load(lake: Lake, name: str, history: History) -> tuple[str, str, str, str]:
    """Tables of the payments, logins and KYC records, the first of each identifier, and of the labels."""

    def arrived(part: str, rows: Sequence[Any], relation: Callable[..., str]) -> str:
        table = f"{lake.schema}.{name}_{part}_arrived"
        for start in range(0, len(rows), CHUNK):
            query = relation(rows[start : start + CHUNK], start)
            lake.query(f"insert into {table} {query}" if start else f"create table {table} as {query}")
        return table

    def first(part: str, identifier: str, rows: Sequence[Any], relation: Callable[..., str]) -> str:
        table = arrived(part, rows, relation)
        firsts = f"select min(_offset) as first from {table} group by {identifier}"
        return lake.keep(f"{name}_{part}", f"select a.* from {table} as a inner join ({firsts}) on a._offset = first")

    transactions = first("transactions", "transaction_id", history.transactions, transactions_relation)
    logins = first("logins", "login_id", history.logins, logins_relation)
    told = first("told", "kyc_change_id", history.kyc, kyc_relation)
    said = arrived("said", history.labels, labels_relation)
    # what comes after a label may stand in another chunk
    columns = "_partition, _offset, transaction_id, user_id, merchant_id, transaction_us, known_us, is_fraud"
    superseded = "lead(known_us) over (partition by transaction_id order by known_us, _offset) as superseded_us"
    labels = lake.keep(f"{name}_labels", f"select {columns}, {superseded} from {said}")
    columns = "_partition, _offset, kyc_change_id, user_id, known_us, change_type, customer_since_us"
    superseded = "lead(known_us) over (partition by user_id order by known_us, kyc_change_id) as superseded_us"
    return transactions, labels, lake.keep(f"{name}_kyc", f"select {columns}, {superseded} from {told}"), logins


def build(lake: Lake, name: str, history: History) -> Gold:
    """The three marts of a history, as the dbt models build them."""
    transactions, labels, kyc, logins = load(lake, name, history)
    counters = lake.keep(f"{name}_counters", counters_query(transactions, labels, kyc, logins, LAG))
    marts: dict[str, str] = {}
    profiles: dict[tuple[str, str, int], Profile] = {}
    current: dict[str, list[tuple[str, Profile]]] = {}
    for entity in PROFILE_ENTITIES:
        boundaries = (
            f"(select distinct {ENTITY_COLUMNS[entity]}, {as_of_sql('event_us', LAG)} as as_of from {transactions})"
        )
        query = profile_query(entity, transactions, labels, kyc, boundaries, MATURITY)
        marts[entity] = lake.keep(
            f"{name}_{entity}",
            f"select p.*, {', '.join(COUNTER_NAMES)} from ({query}) as p "
            f"inner join {counters} as c on p.as_of = c.as_of",
        )
        columns = ", ".join((ENTITY_COLUMNS[entity], "as_of", *stored_columns(entity)))
        for row in lake.query(f"select {columns} from {marts[entity]}"):
            profile = profile_from_row(entity, row)
            profiles[entity, row[0], profile.as_of_us] = profile
        needed = f"({current_needed(entity, transactions, kyc)})"
        query = profile_query(entity, transactions, labels, kyc, needed, MATURITY)
        rows = lake.query(f"select {columns} from ({query})")
        current[entity] = [(row[0], profile_from_row(entity, row)) for row in rows]
    query = features_query(transactions, logins, marts, LAG)
    rows = lake.query(f"select transaction_id, missing_features, {', '.join(FEATURE_NAMES)} from ({query})")
    vectors = {row[0]: UserFeatures(tuple(map(float, row[2:])), tuple(row[1])) for row in rows}
    return Gold(history, vectors, profiles, current)


@pytest.fixture(scope="module")
def gold(lake: Lake) -> Gold:
    return build(lake, "whole", sample_history(20_251_122, SIZE))


def reference_of(history: History) -> Reference:
    return Reference(history.transactions, history.labels, history.logins, SETTINGS, history.kyc)


def assert_same(got: UserFeatures, want: UserFeatures, transaction_id: str) -> None:
    assert got.missing == want.missing, transaction_id
    for feature, ours, theirs in zip(FEATURES, got.values, want.values, strict=True):
        if feature.dtype == "float":
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9), (transaction_id, feature.name)
        else:
            assert ours == theirs, (transaction_id, feature.name)


def online(reference: Reference, gold: Gold, transaction: Transaction) -> UserFeatures:
    """What the API computes with the recent events and with Gold's profiles through Redis' packing."""
    recent = {
        entity: Recent([t.as_recent() for t in reference.transactions if t.entity_id(entity) == entity_id])
        for entity in WINDOW_ENTITIES
        if (entity_id := transaction.entity_id(entity)) is not None
    }
    logins = RecentLogins([x.as_recent() for x in reference.logins if x.user_id == transaction.user_id])
    return compute_features(transaction, RecentEvents(recent, logins), profiles_of(gold, transaction), SETTINGS)


def profiles_of(gold: Gold, transaction: Transaction) -> Profiles:
    """Gold's profiles of a payment, through Redis' packing."""
    boundary = boundary_us(transaction.event_us, SETTINGS)
    found = {
        entity: unpack_profiles(entity, pack_profiles(entity, [gold.profiles[entity, entity_id, boundary]]))[0]
        for entity in PROFILE_ENTITIES
        if (entity_id := transaction.entity_id(entity)) is not None
    }
    return Profiles.of(found["user"], found["merchant"], found.get("category"))


def test_trino_online_and_reference_agree_on_every_payment(gold: Gold) -> None:
    reference = reference_of(gold.history)
    assert len(gold.vectors) == len(reference.transactions) == SIZE
    for transaction in reference.transactions:
        want = UserFeatures.from_values(reference.vector(transaction))
        assert_same(gold.vectors[transaction.transaction_id], want, transaction.transaction_id)
        assert_same(online(reference, gold, transaction), want, transaction.transaction_id)


@pytest.mark.slow
def test_a_hundred_thousand_payments_agree(lake: Lake, stack: Any) -> None:
    """Trino's vectors, those computed from the real Redis and Gold's profiles, and the reference's."""
    stack.need("redis")
    gold = build(lake, "many", sample_history(7, MANY, days=120, crowd=100))
    reference = reference_of(gold.history)
    firsts = {transaction.transaction_id: transaction for transaction in reference.transactions}
    assert len(gold.vectors) == len(firsts) == MANY
    env = stack.env
    with redis.Redis(env["REDIS_HOST"], int(env["REDIS_CONNECT_PORT"]), password=env["REDIS_PASSWORD"]) as client:
        script, written, compared = client.register_script(RECENT_SCRIPT), set[str](), set[str]()
        try:
            for arriving, logins in slots(gold.history):
                for call in (*(recent_call(one, "add") for one in arriving), *map(login_call, logins)):
                    written.update(call.keys)
                    script(keys=list(call.keys), args=list(call.args))
                for transaction in (one for one in arriving if one == firsts[one.transaction_id]):
                    want = UserFeatures.from_values(reference.vector(transaction))
                    assert_same(gold.vectors[transaction.transaction_id], want, transaction.transaction_id)
                    call = recent_call(transaction, "read")
                    recent = parse_recent(call, script(keys=list(call.keys), args=list(call.args)))
                    got = compute_features(transaction, recent, profiles_of(gold, transaction), SETTINGS)
                    assert got.flags == ()
                    assert_same(got, want, transaction.transaction_id)
                    compared.add(transaction.transaction_id)
        finally:
            client.delete(*written)
    assert len(compared) == MANY


def slots(history: History) -> Iterator[tuple[list[Transaction], list[Login]]]:
    """Payments and logins half an hour at a time, within it in the order in which they arrived, repeated ones too.

    What comes later than that, Redis may have let go of: its windows are kept an hour longer than they are.
    """
    arriving: dict[int, tuple[list[Transaction], list[Login]]] = defaultdict(lambda: ([], []))
    for transaction in history.transactions:
        arriving[transaction.event_us // SLOT_US][0].append(transaction)
    for login in history.logins:
        arriving[login.event_us // SLOT_US][1].append(login)
    return (arriving[slot] for slot in sorted(arriving))


def test_every_feature_takes_more_than_one_value(gold: Gold) -> None:
    """A feature that is the same for all would agree everywhere and prove nothing."""
    columns = zip(*(features.values for features in gold.vectors.values()), strict=True)
    assert [name for name, column in zip(FEATURE_NAMES, columns, strict=True) if len(set(column)) < 2] == []


def test_what_becomes_known_later_changes_no_earlier_row(lake: Lake, gold: Gold) -> None:
    known = History(
        [t for t in gold.history.transactions if t.event_us < CUT_US],
        [label for label in gold.history.labels if label.known_us < CUT_US],
        [login for login in gold.history.logins if login.event_us < CUT_US],
        [change for change in reference_of(gold.history).kyc if change.known_us < CUT_US],
    )
    earlier = build(lake, "known", known)
    assert len(earlier.vectors) > SIZE / 3
    for transaction_id, features in earlier.vectors.items():
        assert features == gold.vectors[transaction_id], transaction_id


@pytest.mark.parametrize(
    ("name", "days", "newest"),
    [
        ("stray", [100] * 50 + [101] * 49 + [47_000], 101),
        ("new", [100] * 50 + [101] * 49 + [102], 102),
        ("paused", [100] * 50 + [101] * 49 + [131, 131], 131),
        ("few", [100], 100),
    ],
)
def test_a_stray_payment_is_not_the_newest_day(lake: Lake, name: str, days: list[int], newest: int) -> None:
    payments = [Transaction(f"t{n}", day * US_PER_DAY + n, "U1", "M1", 100) for n, day in enumerate(days)]
    assert Reference(payments, []).newest_day() == newest * US_PER_DAY
    transactions = lake.keep(f"{name}_payments", transactions_relation(payments))
    kyc = lake.keep(f"{name}_kyc", kyc_relation([KycChange("k1", 47_000 * US_PER_DAY, "U2")]))
    boundaries = lake.query(f"select user_id, as_of from ({current_needed('user', transactions, kyc)}) order by 1, 2")
    epoch = date(1970, 1, 1)
    assert [(user, (as_of - epoch).days) for user, as_of in boundaries] == [
        (user, day) for user in ("U1", "U2") for day in (newest - 1, newest)
    ]


@pytest.mark.parametrize("entity", PROFILE_ENTITIES)
def test_the_newest_profiles_are_those_of_the_reference(gold: Gold, entity: str) -> None:
    """What Redis is given: every entity at the two newest boundaries, whether a payment looked at them or not."""
    reference = reference_of(gold.history)
    newest = reference.newest_day()
    ids = {name for t in reference.transactions if (name := t.entity_id(entity)) is not None}
    if entity == "user":
        # a profile waits for who did not pay yet
        ids |= {change.user_id for change in reference.kyc}
        assert "waits" in ids
    assert {(name, profile.as_of_us) for name, profile in gold.current[entity]} == {
        (name, boundary) for name in ids for boundary in (newest, newest - US_PER_DAY)
    }
    assert len(gold.current[entity]) == 2 * len(ids)
    for name_of, profile in gold.current[entity]:
        want = reference.profile(entity, name_of, profile.as_of_us)
        assert profile.sets == want.sets
        assert profile.habits == want.habits
        for name, value in want.values.items():
            assert profile.values[name] == (None if value is None else pytest.approx(value, rel=1e-9)), name
