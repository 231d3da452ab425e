"""What the lag exporter reads from the lakehouse, from small tables of the test's own."""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import tzlocal

from fraud_contracts import CATALOG, LABELS, RAW_TOPICS, TRANSACTIONS
from fraud_contracts import model_figures as contract
from fraud_stream import data_quality, lakehouse_figures
from fraud_stream.data_quality import TableQuality, table_quality
from fraud_stream.dispositions import SCHEMA as DISPOSITIONS_SCHEMA
from fraud_stream.dispositions import TABLE as DISPOSITIONS_TABLE
from fraud_stream.fraud_ratio import FraudRatio
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.lakehouse_figures import (
    FeatureParity,
    JudgedDecisions,
    LabelFeed,
    LakehouseFigures,
    LakehouseReader,
    LakehouseRound,
    Undecided,
)
from fraud_stream.positions import StreamPosition
from fraud_stream.streams import Layout

pytestmark = pytest.mark.integration

# 2026-03-10 12:00 UTC
NOON = 1773144000
DAY = 86_400
INGESTED = NOON + 3600
LAYERS = ("bronze", "silver", "gold", DISPOSITIONS_SCHEMA, contract.MONITORING)


@dataclass(frozen=True)
class Tables:
    """Schemas of this test, and the reader that is told of them."""

    lakehouse: Lakehouse
    reader: LakehouseReader

    def run(self, statement: str) -> None:
        self.lakehouse.query(statement.format(c=f"{CATALOG}.{self.reader.schema_prefix}"))

    def ask(self) -> LakehouseRound:
        return LakehouseRound(self.lakehouse, self.reader.layout, self.reader.schema_prefix)

    def gap(self, ends: dict[int, int], begins: dict[int, int] | None = None) -> int:
        return self.ask().conservation_gap(self.reader.layout.streams[0], StreamPosition(begins or {}, ends))


@pytest.fixture(scope="module")
def tables(platform: dict[str, str]) -> Iterator[Tables]:
    prefix = "it_" + "".join(random.choices(string.ascii_lowercase, k=6)) + "_"
    reader = LakehouseReader(platform["TRINO_URL"], Layout(platform["S3_BUCKET"]), prefix)
    with Lakehouse(platform["TRINO_URL"]) as lakehouse:
        made = Tables(lakehouse, reader)
        try:
            fill(made, platform["S3_BUCKET"])
            yield made
        finally:
            for layer in LAYERS:
                for (table,) in lakehouse.query(f"SHOW TABLES FROM {CATALOG}.{prefix}{layer}"):
                    made.run(f"DROP TABLE {{c}}{layer}.{table}")
                made.run(f"DROP SCHEMA {{c}}{layer}")


def fill(made: Tables, bucket: str) -> None:
    """Schemas, and what the Bronze writer would have landed."""
    for layer in LAYERS:
        # the metastore may only name folders that exist; each table gets one of its own below
        made.run(f"CREATE SCHEMA {{c}}{layer} WITH (location = 's3://{bucket}/silver')")
    # payments 0 to 4 of partition 0 and 0 to 2 of partition 1; message 3 of partition 1 is in quarantine
    made.run(
        f"""
        CREATE TABLE {{c}}bronze.transactions WITH (partitioned_by = ARRAY['event_date']) AS
        SELECT id AS transaction_id,
            CAST(from_unixtime({NOON} + 60 * place, 'UTC') AS timestamp(6)) AS event_time,
            DATE '2026-03-10' AS event_date, '{TRANSACTIONS.name}' AS _topic, part AS _partition,
            CAST(place AS bigint) AS _offset, from_unixtime({INGESTED} + 10 * place + part, 'UTC') AS _ingested_at
        FROM (VALUES ('a0', 0, 0), ('a1', 0, 1), ('a2', 0, 2), ('a3', 0, 3), ('a4', 0, 4),
                     ('b0', 1, 0), ('b1', 1, 1), ('b2', 1, 2)) AS v (id, part, place)
        """
    )
    made.run(
        f"CREATE TABLE {{c}}bronze.quarantine AS "
        f"SELECT '{TRANSACTIONS.name}' AS _topic, 1 AS _partition, BIGINT '3' AS _offset, "
        f"from_unixtime({NOON}, 'UTC') AS _kafka_timestamp"
    )


@pytest.fixture
def far_west(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another zone than UTC: moments are the same wherever the exporter runs."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/St_Johns")
        # the zone that Trino's client asks for its sessions
        tzlocal.reload_localzone()
        yield
    tzlocal.reload_localzone()


@pytest.mark.usefixtures("far_west")
def test_bronze_alone_is_counted_and_gold_lacks_all_of_it(tables: Tables) -> None:
    figures = tables.reader.read({TRANSACTIONS.name: StreamPosition({}, {0: 5, 1: 4})})
    assert figures == LakehouseFigures(
        rows={("bronze", "transactions"): 8, ("quarantine", "quarantine"): 1},
        newest_event={"bronze": NOON + 240},
        gold_is_compared=True,
        gold_lacks_since=INGESTED,
        conservation_gaps={TRANSACTIONS.name: 0},
        undecided={topic.name: Undecided() for topic in RAW_TOPICS} | {TRANSACTIONS.name: Undecided(1, NOON)},
        repeated_ratios={TRANSACTIONS.name: 0},
    )


@pytest.mark.parametrize(
    ("ends", "begins", "gap"),
    [
        # a batch that landed and is not committed yet is not looked at
        ({0: 3, 1: 2}, {}, 0),
        # messages that no table has, in a partition with rows and in one without
        ({0: 7, 1: 4}, {}, 2),
        ({0: 5, 1: 4, 2: 6}, {}, 6),
        # a stream that began where retention had left the topic
        ({0: 5, 1: 4, 2: 6}, {2: 6}, 0),
    ],
)
def test_the_gap_is_what_the_stream_finished_and_no_table_holds(
    tables: Tables, ends: dict[int, int], begins: dict[int, int], gap: int
) -> None:
    assert tables.gap(ends, begins) == gap


def test_a_row_twice_does_not_hide_one_that_is_missing(tables: Tables) -> None:
    try:
        tables.run(f"INSERT INTO {{c}}bronze.quarantine VALUES ('{TRANSACTIONS.name}', 0, 2, current_timestamp)")
        assert tables.gap({0: 5, 1: 4}) == 1
        # as many rows as messages: the stream finished six of partition 0, and six rows are there
        assert tables.gap({0: 6, 1: 4}) == 2
    finally:
        tables.run("DELETE FROM {c}bronze.quarantine WHERE _partition = 0")


def test_what_was_redriven_or_discarded_no_longer_waits(tables: Tables) -> None:
    decisions = f"{{c}}{DISPOSITIONS_SCHEMA}.{DISPOSITIONS_TABLE}"
    waits = Undecided(1, NOON)
    tables.run(f"CREATE TABLE {decisions} (_topic varchar, _partition integer, _offset bigint, step varchar)")
    others = f"('{TRANSACTIONS.name}', 1, 3, 'claimed'), ('{LABELS.name}', 1, 3, 'discarded')"
    tables.run(f"INSERT INTO {decisions} VALUES {others}")
    assert tables.ask().undecided()[TRANSACTIONS.name] == waits, "a claim is no decision, and not one of another topic"
    tables.run(f"INSERT INTO {decisions} VALUES ('{TRANSACTIONS.name}', 1, 3, 'redriven')")
    assert tables.ask().undecided()[TRANSACTIONS.name] == Undecided()


def test_of_what_training_wrote_the_newest_look_of_each_kind_counts_and_nothing_old(tables: Tables) -> None:
    assert tables.ask().model() is None
    table = f"{{c}}{contract.MONITORING}.{contract.MODEL_FIGURES_TABLE}"
    columns = ", ".join(f"{name} {kind}" for name, kind in contract.MODEL_FIGURES_COLUMNS)
    tables.run(f"CREATE TABLE {table} (measured_at timestamp(3) with time zone, {columns})")

    def look(days_ago: int, kind: str, measure: str, *values: tuple[str, str]) -> None:
        rows = ", ".join(
            f"(current_timestamp(3) - INTERVAL '{days_ago}' DAY, '{kind}', 1, NULL, '{measure}', '{subject}', {value}, "
            "900, 5000)"
            for subject, value in values
        )
        tables.run(f"INSERT INTO {table} VALUES {rows}")

    look(9, contract.SHADOW, contract.DISAGREEMENT, ("HIGH", "0.5"))
    look(2, contract.DRIFT, contract.FEATURE_INDEX, ("a", "0.9"), ("gone", "0.8"))
    look(1, contract.DRIFT, contract.FEATURE_INDEX, ("a", "0.1"), ("b", "NULL"))
    figures = tables.ask().model()
    assert figures is not None
    assert figures.features == {"a": 0.1}
    assert figures.disagreement == {}
    assert figures.measured.keys() == {contract.DRIFT}


def test_repeats_are_counted_in_the_newest_day_only(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(name: str, day: str) -> None:
        tables.run(
            f"INSERT INTO {{c}}bronze.transactions "
            f"VALUES ('{name}', TIMESTAMP '{day} 12:00:00.000000', DATE '{day}', 't', 9, 9, current_timestamp)"
        )

    try:
        for _ in range(2):
            add("old", "2026-03-09")
        assert tables.ask().repeated_ratios()[TRANSACTIONS.name] == 0
        # two of the newest day's ten rows repeat an id
        add("a0", "2026-03-10")
        add("a1", "2026-03-10")
        assert tables.ask().repeated_ratios()[TRANSACTIONS.name] == pytest.approx(0.2)
        # of a part of the ids, each with all of its rows
        monkeypatch.setattr(lakehouse_figures, "REPEATS_LOOKED_AT", 5)
        assert 0 <= tables.ask().repeated_ratios()[TRANSACTIONS.name] <= 0.5
    finally:
        tables.run("DELETE FROM {c}bronze.transactions WHERE _partition = 9")


def test_gold_lacks_what_is_above_its_watermarks_and_not_there_under_another_offset(tables: Tables) -> None:
    gold = "{c}gold.mart_fraud_features"
    tables.run(
        f"""
        CREATE TABLE {gold} WITH (partitioned_by = ARRAY['event_date']) AS
        SELECT transaction_id, event_time, event_date, _partition, _offset
        FROM {{c}}bronze.transactions WHERE _partition = 0 AND _offset < 2
        """
    )
    # partition 1 has not reached Gold at all
    assert tables.ask().gold_lacks_since() == INGESTED + 1
    assert tables.ask().newest_events()["gold"] == NOON + 60
    tables.run(
        f"INSERT INTO {gold} SELECT transaction_id, event_time, event_date, _partition, _offset "
        "FROM {c}bronze.transactions WHERE _partition = 1"
    )
    assert tables.ask().gold_lacks_since() == INGESTED + 20
    # a2 and a3 came before under other offsets and count there; a4 is new
    tables.run(f"INSERT INTO {gold} VALUES ('a2', TIMESTAMP '2026-03-10 12:00:00.000000', DATE '2026-03-10', 2, 7), "
               "('a3', TIMESTAMP '2026-03-10 12:00:00.000000', DATE '2026-03-10', 2, 8)")  # fmt: skip
    assert tables.ask().gold_lacks_since() == INGESTED + 40
    tables.run(f"INSERT INTO {gold} VALUES ('a4', TIMESTAMP '2026-03-10 12:04:00.000000', DATE '2026-03-10', 2, 9)")
    assert tables.ask().gold_lacks_since() is None
    assert tables.ask().rows()["gold", "mart_fraud_features"] == 8


@pytest.mark.usefixtures("far_west")
def test_frauds_count_in_the_hour_in_which_they_became_known(tables: Tables) -> None:
    tables.run(
        f"""
        CREATE TABLE {{c}}gold.mart_hourly_metrics AS
        SELECT CAST(from_unixtime({NOON} - 3600 * hour, 'UTC') AS timestamp(6)) AS event_hour,
            BIGINT '10' AS transaction_count
        FROM UNNEST(sequence(0, 8 * 24)) AS t (hour)
        """
    )
    assert tables.ask().fraud_ratio() is None, "nothing is known of labels yet"
    tables.run(
        f"""
        CREATE TABLE {{c}}silver.int_labels_as_of AS
        SELECT id AS transaction_id, is_fraud, (BIGINT '{NOON}' + seconds) * 1000000 AS known_us,
            BIGINT '{NOON}' * 1000000 AS transaction_us
        FROM (VALUES
            -- the newest day: its first and its last second, and one that was called fraud twice
            ('d1', true, -86400), ('d2', true, -1), ('d3', true, -7200), ('d3', true, -3600),
            -- the week before: one that was taken back later, one confirmed yesterday
            ('w1', true, -86401), ('w1', false, -3600), ('w2', true, -8 * 86400), ('w2', true, -3600),
            -- not in these eight days, not a fraud
            ('x1', true, -8 * 86400 - 1), ('x2', true, 0), ('x3', false, -3600)
        ) AS v (id, is_fraud, seconds)
        """
    )
    assert tables.ask().fraud_ratio() == FraudRatio(newest_day=3 / 240, baseline=2 / 1680)
    tables.run("DELETE FROM {c}gold.mart_hourly_metrics WHERE event_hour = TIMESTAMP '2026-03-02 12:00:00'")
    assert tables.ask().fraud_ratio() is None, "seven days less an hour are not seven days"


def test_rows_without_an_id_or_a_key_are_counted_and_named(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    (stream,) = (each for each in tables.reader.layout.streams if each.contract is LABELS)
    schema = f"{CATALOG}.{tables.reader.schema_prefix}bronze"
    monkeypatch.setattr(data_quality, "trino_table", lambda table: f"{schema}.{table}")
    id_field, key_field = LABELS.id_field, LABELS.key_field
    rows = "('l1', 't1', 1), ('l1', 't1', 2), ('l2', NULL, 3), (NULL, 't3', 4), (NULL, NULL, 5), (NULL, 't6', 6)"
    tables.run(
        f"CREATE TABLE {schema}.{stream.table} AS SELECT CAST(id AS varchar) AS {id_field}, "
        f"CAST(key AS varchar) AS {key_field}, TIMESTAMP '2026-03-10 12:00:00.000000' + n * INTERVAL '1' SECOND "
        f"AS event_time FROM (VALUES {rows}) AS v (id, key, n)"
    )
    try:
        found = table_quality(tables.lakehouse, stream)
    finally:
        tables.run(f"DROP TABLE {schema}.{stream.table}")
    assert found == TableQuality(
        table=stream.table,
        id_field=id_field,
        key_field=key_field,
        rows=6,
        duplicates=1,
        null_ids=3,
        null_keys=2,
        newest_event="2026-03-10 12:00:06.000000",
    )
    assert [line.partition(";")[0] for line in found.failures(1.0)] == [
        f"3 rows have no {id_field}",
        f"2 rows have no {key_field}",
    ]


def test_parity_is_that_of_the_newest_two_days_with_decisions(tables: Tables) -> None:
    assert tables.ask().feature_parity() is None, "Gold has no comparison"
    tables.run(
        """
        CREATE TABLE {c}gold.mart_feature_parity AS
        SELECT DATE '2026-03-10' AS decided_date, 'a' AS feature, BIGINT '1' AS match_count,
            BIGINT '0' AS mismatch_count, BIGINT '0' AS missing_count, BIGINT '0' AS late_count,
            BIGINT '0' AS other_definition_count, BIGINT '5' AS unmatched_count
        WHERE false
        """
    )
    assert tables.ask().feature_parity() is None, "nothing was decided yet"
    tables.run(
        """
        INSERT INTO {c}gold.mart_feature_parity VALUES
            (DATE '2026-03-08', 'a', 100, 100, 0, 0, 7, 7), (DATE '2026-03-08', 'b', 200, 0, 0, 0, 7, 7),
            (DATE '2026-03-10', 'a', 9, 1, 0, 0, 0, 3), (DATE '2026-03-10', 'b', 8, 0, 1, 1, 0, 3),
            (DATE '2026-03-11', 'a', 1, 0, 1, 0, 2, 0), (DATE '2026-03-11', 'b', 2, 0, 0, 0, 2, 0)
        """
    )
    counts = {"a": (10, 1, 1, 0), "b": (10, 0, 1, 1)}
    outcomes = ("match", "mismatch", "missing", "late")
    expected = {(name, outcome): n for name in counts for outcome, n in zip(outcomes, counts[name], strict=True)}
    assert tables.ask().feature_parity() == FeatureParity(expected, {"other_definition": 2, "unmatched": 3})


def test_a_model_is_judged_by_the_newest_week_of_mature_days_beside_the_four_before(tables: Tables) -> None:
    assert tables.ask().judged_decisions() is None, "Gold has judged nothing"
    tables.run(
        """
        CREATE TABLE {c}gold.mart_model_performance AS
        SELECT DATE '2026-03-01' + INTERVAL '1' DAY * day AS decided_date, version AS model_version,
            day < 40 AS is_mature, BIGINT '2' AS true_positive_count, if(day < 40, BIGINT '1') AS false_positive_count,
            if(day < 40, BIGINT '0') AS false_negative_count
        FROM UNNEST(sequence(0, 44)) AS t (day) CROSS JOIN (VALUES '3', 'rules-1') AS v (version)
        WHERE version = '3' OR day IN (5, 33, 42)
        """
    )
    outcomes = ("true_positive", "false_positive", "false_negative")
    # days 33 to 39, and 5 to 32
    newest = {"3": (14, 7, 0), "rules-1": (2, 1, 0)}
    assert tables.ask().judged_decisions() == JudgedDecisions(
        {(name, outcome): n for name in newest for outcome, n in zip(outcomes, newest[name], strict=True)},
        dict(zip(outcomes, (58, 29, 0), strict=True)),
    )
    tables.run("DELETE FROM {c}gold.mart_model_performance WHERE is_mature")
    assert tables.ask().judged_decisions() is None, "no day is mature"


@pytest.mark.usefixtures("far_west")
def test_labels_are_timed_by_when_frauds_became_known(tables: Tables) -> None:
    tables.run(
        f"""
        CREATE OR REPLACE TABLE {{c}}gold.mart_hourly_metrics AS
        SELECT CAST(from_unixtime({NOON}, 'UTC') AS timestamp(6)) AS event_hour, BIGINT '10' AS transaction_count
        """
    )
    tables.run(
        f"""
        CREATE OR REPLACE TABLE {{c}}silver.int_labels_as_of AS
        SELECT id AS transaction_id, is_fraud, (BIGINT '{NOON}' + known) * 1000000 AS known_us,
            (BIGINT '{NOON}' + paid) * 1000000 AS transaction_us
        FROM (VALUES
            -- before the newest week; taken back and told again within it; no fraud; of a payment that nobody knows
            ('x1', true, -8 * {DAY}, -90 * {DAY}), ('x1', true, -2 * {DAY}, -90 * {DAY}),
            ('x2', false, -{DAY}, -90 * {DAY}), ('x3', true, -{DAY}, NULL)
        ) AS v (id, is_fraud, known, paid)
        """
    )
    assert tables.ask().label_feed() == LabelFeed(silence_seconds=DAY, delay_seconds=None)
    tables.run(
        f"""
        INSERT INTO {{c}}silver.int_labels_as_of
        SELECT 'f' || CAST(n AS varchar), true, (BIGINT '{NOON}' - 7200) * 1000000,
            (BIGINT '{NOON}' - 7200 - n * {DAY}) * 1000000
        FROM UNNEST(sequence(1, 10)) AS t (n)
        """
    )
    assert tables.ask().label_feed() == LabelFeed(silence_seconds=7200, delay_seconds=9 * DAY)
    # dated years ahead: the newest week is still that of the payments
    tables.run(
        f"INSERT INTO {{c}}silver.int_labels_as_of VALUES ('s', true, {(NOON + 900 * DAY) * 10**6}, {NOON * 10**6})"
    )
    assert tables.ask().label_feed() == LabelFeed(silence_seconds=0, delay_seconds=9 * DAY)
    tables.run("DELETE FROM {c}silver.int_labels_as_of")
    assert tables.ask().label_feed() is None, "nobody has told of anything"


def test_a_namespace_speaks_of_its_own_bronze_only(tables: Tables) -> None:
    elsewhere = replace(tables.reader, layout=Layout(tables.reader.layout.bucket, "other_"))
    assert elsewhere.read({}) == LakehouseFigures()
