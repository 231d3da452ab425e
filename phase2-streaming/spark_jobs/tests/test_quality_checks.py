"""The checks as Spark evaluates them: total, so that no NULL slips between good and bad."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS, Topic
from fraud_contracts.bound_examples import BEYOND, WITHIN, Example
from fraud_stream.quality_checks import Check, checks_of, failed, reasons, warnings

NOW = datetime(2026, 3, 1, 12)
DDL = {
    TRANSACTIONS.name: (
        "transaction_id string, event_time timestamp, user_id string, merchant_id string, amount decimal(12,2), "
        "card_hash string, merchant_category_code string, currency string, country string, latitude double, "
        "longitude double, channel string, card_present boolean, device_id string, ip_hash string, "
        "transaction_type string, is_international boolean, account_id string, counterparty_id string, "
        "counterparty_country string, card_bin string"
    ),
    LABELS.name: (
        "label_id string, transaction_id string, event_time timestamp, is_fraud boolean, user_id string, "
        "merchant_id string, transaction_time timestamp, source string, fraud_type string"
    ),
}
GOOD: dict[str, dict[str, Any]] = {
    TRANSACTIONS.name: {
        "transaction_id": "t1",
        "event_time": NOW,
        "user_id": "U0001",
        "merchant_id": "M001",
        "amount": Decimal("12.50"),
    },
    LABELS.name: {
        "label_id": "l1",
        "transaction_id": "t1",
        "event_time": NOW,
        "is_fraud": False,
    },
}


@pytest.fixture(scope="module")
def spark(spark_process: Callable[[Callable[[], SparkSession]], SparkSession]) -> SparkSession:
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name, value in (
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.sql.session.timeZone", "UTC"),
        ("spark.sql.shuffle.partitions", "1"),
        ("spark.driver.memory", "512m"),
    ):
        builder = builder.config(name, value)
    return spark_process(builder.getOrCreate)


def judge(spark: SparkSession, topic: Topic, *rows: dict[str, Any]) -> list[set[str]]:
    """For each row, the names of all checks that it fails, warnings included."""
    names = [column.split()[0] for column in DDL[topic.name].split(", ")]
    frame = spark.createDataFrame([tuple(row.get(name) for name in names) for row in rows], DDL[topic.name])
    warned = F.array_compact(F.array(*(F.when(bad, F.lit(name)) for name, bad in warnings(checks_of(topic)).items())))
    judged = frame.select(reasons(checks_of(topic)).alias("reasons"), warned.alias("warned")).collect()
    return [set(row["reasons"]) | set(row["warned"]) for row in judged]


def test_names_are_unique_and_there_are_at_least_fifteen_for_payments() -> None:
    for topic in RAW_TOPICS:
        names = [check.name for check in checks_of(topic)]
        assert len(names) == len(set(names))
    assert len(checks_of(TRANSACTIONS)) >= 15


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_required_fields_alone_make_a_good_row(spark: SparkSession, topic: Topic) -> None:
    assert judge(spark, topic, GOOD[topic.name]) == [set()]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_nulls_are_judged_like_any_other_value(spark: SparkSession, topic: Topic) -> None:
    nothing, *each = judge(spark, topic, {}, *({**GOOD[topic.name], field: None} for field in GOOD[topic.name]))
    optional = {check.name for check in checks_of(topic) if "IS NULL" in check.expression} - {"is_fraud_present"}
    assert nothing == {check.name for check in checks_of(topic)} - optional - {
        "text_encoding",
        "text_control_characters",
    }
    assert all(names for names in each), "a required field that is missing must always be noticed"


def test_a_check_that_is_null_fails(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(None,), (0,), (1,)], "x int")
    verdicts = frame.select(failed(Check("positive", "x > 0"))).collect()
    assert [row[0] for row in verdicts] == [True, True, False]


CASES: list[tuple[Topic, dict[str, Any], set[str]]] = [
    (TRANSACTIONS, {"transaction_id": ""}, {"transaction_id_length"}),
    (TRANSACTIONS, {"transaction_id": "é" * 64}, set()),
    (TRANSACTIONS, {"transaction_id": "x" * 65}, {"transaction_id_length"}),
    (TRANSACTIONS, {"user_id": ""}, {"user_id_length"}),
    (TRANSACTIONS, {"merchant_id": "m" * 65}, {"merchant_id_length"}),
    (TRANSACTIONS, {"amount": Decimal("0.01")}, set()),
    (TRANSACTIONS, {"amount": Decimal(0)}, {"amount_positive"}),
    (TRANSACTIONS, {"amount": Decimal(1_000_000_000)}, set()),
    (TRANSACTIONS, {"amount": Decimal("1000000000.01")}, {"amount_bounded"}),
    (TRANSACTIONS, {"event_time": datetime(2099, 12, 31)}, set()),
    (TRANSACTIONS, {"event_time": datetime(2100, 1, 1)}, {"event_time_in_future"}),
    (TRANSACTIONS, {"event_time": datetime(1990, 1, 1)}, set()),
    (TRANSACTIONS, {"event_time": datetime(1989, 12, 31)}, {"event_time_too_old"}),
    (TRANSACTIONS, {"latitude": 90.0, "longitude": -180.0}, set()),
    (TRANSACTIONS, {"latitude": 90.1, "longitude": 0.0}, {"latitude_range"}),
    (TRANSACTIONS, {"latitude": float("nan"), "longitude": float("inf")}, {"latitude_range", "longitude_range"}),
    (TRANSACTIONS, {"latitude": 1.0}, {"place_complete"}),
    (TRANSACTIONS, {"currency": "EUR", "country": "DE", "counterparty_country": "FR"}, set()),
    (
        TRANSACTIONS,
        {"currency": "eur", "country": "DEU", "counterparty_country": ""},
        {"currency_format", "country_format", "counterparty_country_format"},
    ),
    (TRANSACTIONS, {"merchant_category_code": "5411"}, set()),
    (TRANSACTIONS, {"merchant_category_code": "54111"}, {"merchant_category_code_format"}),
    (TRANSACTIONS, {"card_hash": f"k1:{'0f' * 32}", "card_bin": "411111"}, set()),
    (
        TRANSACTIONS,
        {"card_hash": "4111111111111111", "card_bin": "4111111111111111"},
        {"card_hash_format", "card_bin_format"},
    ),
    (TRANSACTIONS, {"device_id": ""}, {"device_id_length"}),
    (TRANSACTIONS, {"ip_hash": "i" * 129}, {"ip_hash_length"}),
    (TRANSACTIONS, {"channel": "ONLINE", "transaction_type": "PURCHASE"}, set()),
    (TRANSACTIONS, {"channel": "UNKNOWN", "transaction_type": "UNKNOWN"}, {"channel_known", "transaction_type_known"}),
    (TRANSACTIONS, {"country": "DE\n"}, {"country_format", "text_control_characters"}),
    (LABELS, {"label_id": ""}, {"label_id_length"}),
    (LABELS, {"fraud_type": "a\x00"}, {"text_control_characters"}),
    (LABELS, {"transaction_time": NOW - timedelta(days=9), "source": "ANALYST"}, set()),
    (LABELS, {"transaction_time": NOW + timedelta(hours=1)}, {"label_after_transaction"}),
    (LABELS, {"transaction_time": datetime(1900, 1, 1)}, {"transaction_time_too_old"}),
    (LABELS, {"fraud_type": "f" * 65, "source": "UNKNOWN"}, {"fraud_type_length", "source_known"}),
]


def test_each_rule_at_its_edge(spark: SparkSession) -> None:
    for topic in RAW_TOPICS:
        cases = [case for case in CASES if case[0] is topic]
        verdicts = judge(spark, topic, *({**GOOD[topic.name], **changes} for _, changes, _ in cases))
        for (_, changes, expected), verdict in zip(cases, verdicts, strict=True):
            assert verdict == expected, changes


def landed(example: Example) -> dict[str, Any]:
    """An example of the contracts as Bronze sees it."""
    name, value = example
    if name == "amount":
        return {name: Decimal(value) / 100}
    return {name: datetime(1970, 1, 1) + timedelta(microseconds=int(value))} if name == "event_time" else {name: value}


def test_the_bounds_of_the_contracts_are_kept(spark: SparkSession) -> None:
    warned = set(warnings(checks_of(TRANSACTIONS)))
    good, bad = (
        [verdict - warned for verdict in judge(spark, TRANSACTIONS, *(GOOD[TRANSACTIONS.name] | row for row in rows))]
        for rows in (map(landed, WITHIN), map(landed, BEYOND))
    )
    assert [example for example, verdict in zip(WITHIN, good, strict=True) if verdict] == []
    assert [example for example, verdict in zip(BEYOND, bad, strict=True) if not verdict] == []


def test_bytes_that_are_not_utf8_are_noticed(spark: SparkSession) -> None:
    topic = TRANSACTIONS
    names = [column.split()[0] for column in DDL[topic.name].split(", ")]
    frame = spark.createDataFrame([tuple(GOOD[topic.name].get(name) for name in names)], DDL[topic.name])
    broken = frame.withColumn("merchant_id", F.expr("CAST(X'4D80FF' AS STRING)"))
    assert broken.select(reasons(checks_of(topic)).alias("reasons")).collect()[0]["reasons"] == ["text_encoding"]


def test_only_checks_of_severity_warn_are_kept_out_of_reasons(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1,)], "x int")
    both = (Check("stop", "x > 1"), Check("tell", "x > 1", severity="warn"))
    assert frame.select(reasons(both).alias("reasons")).collect()[0]["reasons"] == ["stop"]
    assert list(warnings(both)) == ["tell"]
