"""The checks as Spark evaluates them: total, so that no NULL slips between good and bad."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fraud_contracts import (
    CARD_EVENTS,
    EXTERNAL_ALERTS,
    FREE_TEXTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TRANSACTIONS,
    Topic,
    cent_limits,
    schema,
    text_patterns,
    time_limits,
)
from fraud_contracts.bound_examples import Example, beyond, within
from fraud_stream.decode import with_reasons
from fraud_stream.quality_checks import SEPARATOR, Check, checks_of, reasons, warning_bits, warnings

NOW = datetime(2026, 3, 1, 12)
CARD = f"k1:{'0f' * 32}"
SPARK_TYPES = {"timestamp-micros": "timestamp", "decimal": "decimal(12,2)", "enum": "string"}
GOOD: dict[str, dict[str, Any]] = {
    TRANSACTIONS.name: {
        "transaction_id": "t1",
        "event_time": NOW,
        "user_id": "U0001",
        "merchant_id": "M001",
        "amount": Decimal("12.50"),
    },
    LABELS.name: {"label_id": "l1", "transaction_id": "t1", "event_time": NOW, "is_fraud": False},
    LOGINS.name: {"login_id": "g1", "event_time": NOW, "user_id": "U0001"},
    CARD_EVENTS.name: {"card_event_id": "c1", "event_time": NOW, "user_id": "U0001"},
    KYC_PROFILES.name: {"kyc_change_id": "k1", "event_time": NOW, "user_id": "U0001"},
    EXTERNAL_ALERTS.name: {"alert_id": "a1", "event_time": NOW, "entity_id": "U0001"},
}
# A card event without a card is kept, and counted.
WARNED_WHEN_BARE = {CARD_EVENTS.name: {"card_or_account_named"}}
# Whose absence is a fault. Everything else may be missing, so its check passes on NULL.
FAIL_ON_NULL = {
    TRANSACTIONS.name: {
        *("transaction_id_length", "user_id_length", "merchant_id_length", "amount_positive", "amount_bounded"),
        *("event_time_too_old", "event_time_in_future"),
    },
    LABELS.name: {
        *("label_id_length", "transaction_id_length", "is_fraud_present"),
        *("event_time_too_old", "event_time_in_future"),
    },
    LOGINS.name: {"login_id_length", "user_id_length", "event_time_too_old", "event_time_in_future"},
    CARD_EVENTS.name: {
        *("card_event_id_length", "user_id_length", "event_time_too_old", "event_time_in_future"),
    },
    KYC_PROFILES.name: {"kyc_change_id_length", "user_id_length", "event_time_too_old", "event_time_in_future"},
    EXTERNAL_ALERTS.name: {"alert_id_length", "entity_id_length", "event_time_too_old", "event_time_in_future"}
    # of an entity that nobody named, nobody can say that it is no card number
    | {"card_number_in_clear"},
}


def days(count: float) -> datetime:
    return NOW + timedelta(days=count)


# For each check a row that passes, one that fails and one with NULL, as changes of a good row.
Sample = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def one(field: str, passing: Any, failing: Any, **others: Any) -> Sample:
    """The sample of a check that asks about one field; ``others`` make it ask."""
    return {**others, field: passing}, {**others, field: failing}, {**others, field: None}


SAMPLES: dict[str, Sample] = {
    "text_control_characters": one("user_id", "a b", "a\tb"),
    **{
        f"{name}_length": one(name, "x" * 64, "x" * 65)
        for name in (
            *("transaction_id", "label_id", "login_id", "card_event_id", "kyc_change_id", "alert_id", "user_id"),
            *("merchant_id", "device_id", "account_id", "counterparty_id", "session_id"),
            *("fraud_type", "alert_type", "source"),
        )
    },
    **{
        f"{name}_length": one(name, "ü" * 128, "ü" * 129)
        for name in ("ip_hash", "entity_id", "failure_reason", "reason", "occupation")
    },
    **{
        f"card_number_in_{name}": one(
            name, "call 4111 1111 1111 1112, ref 1793370000000", "card 4111-1111-1111-1111, lost"
        )
        for name in sorted(FREE_TEXTS)
    },
    "description_length": one("description", "x" * 1024, "x" * 1025),
    "card_hash_format": one("card_hash", CARD, "4111111111111111"),
    "card_bin_format": one("card_bin", "411111", "4111111111111111"),
    "merchant_category_code_format": one("merchant_category_code", "5411", "541"),
    "currency_format": one("currency", "EUR", "eur"),
    "country_format": one("country", "DE", "DE\n"),
    "counterparty_country_format": one("counterparty_country", "FR", "FRA"),
    "address_hash_format": one("address_hash", CARD, "12 Main Street"),
    "phone_hash_format": one("phone_hash", CARD, "00491701234567"),
    "email_hash_format": one("email_hash", CARD, "somebody@example.com"),
    "amount_positive": one("amount", Decimal("0.01"), Decimal(0)),
    "limit_amount_not_negative": one("limit_amount", Decimal(0), Decimal("-0.01")),
    "annual_income_not_negative": one("annual_income", Decimal(0), Decimal("-0.01")),
    **{
        f"{name}_bounded": one(name, Decimal(1_000_000_000), Decimal("1000000000.01"))
        for name in ("amount", "limit_amount", "annual_income")
    },
    **{
        f"{name}_too_old": one(name, datetime(1990, 1, 1), datetime(1989, 12, 31))
        for name in ("event_time", "transaction_time", "expires_at")
    },
    **{
        f"{name}_too_old": one(name, datetime(1900, 1, 1), datetime(1899, 12, 31))
        for name in ("valid_from", "customer_since")
    },
    **{
        f"{name}_in_future": one(name, datetime(2099, 12, 31), datetime(2100, 1, 1))
        for name in ("event_time", "transaction_time", "expires_at", "valid_from", "customer_since")
    },
    "latitude_range": one("latitude", -90.0, float("nan")),
    "longitude_range": one("longitude", 180.0, 180.1),
    "birth_year_range": one("birth_year", 1931, 31),
    "is_fraud_present": one("is_fraud", True, None),
    **{
        f"{name}_known": one(name, symbol, "UNKNOWN")
        for name, symbol in {
            "channel": "APP",
            "transaction_type": "PURCHASE",
            "source": "ANALYST",
            "outcome": "FAILURE",
            "method": "PASSWORD",
            "event_type": "STOLEN",
            "change_type": "VERIFIED",
            "risk_rating": "LOW",
            "verification_level": "FULL",
            "entity_type": "USER",
            "severity": "CRITICAL",
        }.items()
    },
    "place_complete": (
        {"latitude": 1.0, "longitude": 2.0},
        {"latitude": 1.0, "longitude": None},
        {"latitude": None, "longitude": None},
    ),
    "card_present_fits_channel": one("channel", "POS", "ONLINE", card_present=True),
    "counterparty_is_another": one("counterparty_id", "A2", "A1", account_id="A1"),
    "label_after_transaction": one("transaction_time", days(-9), days(0.1)),
    "failure_reason_fits_outcome": one("outcome", "FAILURE", "SUCCESS", failure_reason="wrong password"),
    "card_or_account_named": (
        {"card_hash": CARD, "account_id": None},
        {"card_hash": None, "account_id": None},
        {"card_hash": None, "account_id": "A1"},
    ),
    "limit_amount_fits_event": (
        {"event_type": "LIMIT_CHANGED", "limit_amount": Decimal(500)},
        {"event_type": "LIMIT_CHANGED", "limit_amount": None},
        {"event_type": None, "limit_amount": None},
    ),
    "valid_before_known": one("valid_from", days(-9), days(0.1)),
    "customer_since_before_known": one("customer_since", days(-9), days(0.1)),
    "born_before_customer": one("birth_year", 1980, 1981, customer_since=datetime(1980, 5, 1)),
    "card_number_in_clear": (
        {"entity_type": "CARD", "entity_id": CARD},
        {"entity_type": "CARD", "entity_id": "4111111111111111"},
        {"entity_type": None, "entity_id": None},
    ),
    "alert_after_transaction": one("transaction_time", days(-9), days(0.1)),
    "expires_after_alert": one("expires_at", days(30), days(-0.1)),
}


def ddl(topic: Topic) -> str:
    """The record as the checks see it."""

    def spark_type(avro_type: Any) -> str:
        kind = avro_type[-1] if isinstance(avro_type, list) else avro_type
        name = str(kind.get("logicalType", kind["type"]) if isinstance(kind, dict) else kind)
        return SPARK_TYPES.get(name, name)

    return ", ".join(f"{field['name']} {spark_type(field['type'])}" for field in schema(topic)["fields"])


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


def frame_of(spark: SparkSession, topic: Topic, *rows: dict[str, Any]) -> DataFrame:
    names = [field["name"] for field in schema(topic)["fields"]]
    assert not {name for row in rows for name in row} - set(names)
    return spark.createDataFrame([tuple(row.get(name) for name in names) for row in rows], ddl(topic))


def judge(spark: SparkSession, topic: Topic, *rows: dict[str, Any]) -> list[set[str]]:
    """For each row, the names of all checks that it fails, warnings included."""
    checks = checks_of(topic)
    judged = frame_of(spark, topic, *rows).select(reasons(checks).alias("reasons"), warning_bits(checks).alias("bits"))
    return [
        set(row["reasons"]) | {check.name for bit, check in enumerate(warnings(checks)) if row["bits"] & 1 << bit}
        for row in judged.collect()
    ]


def test_names_are_unique_and_there_are_at_least_fifteen_for_payments() -> None:
    for topic in RAW_TOPICS:
        names = [check.name for check in checks_of(topic)]
        assert len(names) == len(set(names))
    assert len(checks_of(TRANSACTIONS)) >= 15


def test_every_field_is_looked_at_by_a_check() -> None:
    """Optional booleans apart, which cannot hold anything wrong."""
    for topic in RAW_TOPICS:
        looked_at = " ".join(check.expression for check in checks_of(topic) if check.name[:5] != "text_")
        for field in schema(topic)["fields"]:
            optional_boolean = field["type"] == ["null", "boolean"]
            assert optional_boolean or re.search(rf"\b{field['name']}\b", looked_at), (topic.name, field["name"])


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_required_fields_alone_make_a_good_row(spark: SparkSession, topic: Topic) -> None:
    assert judge(spark, topic, GOOD[topic.name]) == [WARNED_WHEN_BARE.get(topic.name, set())]


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_each_check_passes_fails_and_judges_null(spark: SparkSession, topic: Topic) -> None:
    checks = [check for check in checks_of(topic) if check.name != "text_encoding"]
    rows = [GOOD[topic.name] | changes for check in checks for changes in SAMPLES[check.name]]
    verdicts = iter(judge(spark, topic, *rows))
    for check in checks:
        passed, failed_, null = next(verdicts), next(verdicts), next(verdicts)
        assert check.name not in passed, check
        assert check.name in failed_, check
        assert (check.name in null) is (check.name in FAIL_ON_NULL[topic.name]), check


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_a_row_of_nulls_and_each_missing_required_field_are_noticed(spark: SparkSession, topic: Topic) -> None:
    nothing, *each = judge(spark, topic, {}, *({**GOOD[topic.name], field: None} for field in GOOD[topic.name]))
    assert nothing == FAIL_ON_NULL[topic.name] | WARNED_WHEN_BARE.get(topic.name, set())
    assert all(names - WARNED_WHEN_BARE.get(topic.name, set()) for names in each)


def test_a_check_that_is_null_fails(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(None,), (0,), (1,)], "x int")
    verdicts = frame.select(reasons((Check("positive", "x > 0"),))).collect()
    assert [row[0] for row in verdicts] == [["positive"], ["positive"], []]


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
    (LOGINS, {"country": "DE", "latitude": 91.0}, {"latitude_range", "place_complete"}),
    (CARD_EVENTS, {"card_hash": "4111111111111111"}, {"card_hash_format"}),
    (KYC_PROFILES, {"country": "Germany", "birth_year": 1985}, {"country_format"}),
    (EXTERNAL_ALERTS, {"entity_type": "IP", "entity_id": "0" * 64}, set()),
    (EXTERNAL_ALERTS, {"entity_type": "CARD", "entity_id": "U0001"}, {"card_number_in_clear"}),
    (EXTERNAL_ALERTS, {"entity_type": "USER", "entity_id": "123456789012"}, set()),
    (EXTERNAL_ALERTS, {"entity_id": "4111111111111111"}, {"card_number_in_clear"}),
    (
        EXTERNAL_ALERTS,
        {"entity_type": "UNKNOWN", "entity_id": "4111111111111111"},
        {"card_number_in_clear", "entity_type_known"},
    ),
]


def test_each_rule_at_its_edge(spark: SparkSession) -> None:
    for topic in RAW_TOPICS:
        cases = [case for case in CASES if case[0] is topic]
        verdicts = judge(spark, topic, *({**GOOD[topic.name], **changes} for _, changes, _ in cases))
        for (_, changes, expected), verdict in zip(cases, verdicts, strict=True):
            assert verdict == expected, changes


def landed(topic: Topic, example: Example) -> dict[str, Any]:
    """An example of the contracts as Bronze sees it."""
    name, value = example
    if name in cent_limits(topic):
        return {name: Decimal(value) / 100}
    if name in time_limits(topic):
        return {name: datetime(1970, 1, 1) + timedelta(microseconds=int(value))}
    return {name: value}


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_the_bounds_of_the_contracts_are_kept(spark: SparkSession, topic: Topic) -> None:
    warned = {check.name for check in warnings(checks_of(topic))}
    examples = [*within(topic), *beyond(topic)]
    verdicts = judge(spark, topic, *(GOOD[topic.name] | landed(topic, example) for example in examples))
    refused = [example for example, verdict in zip(examples, verdicts, strict=True) if verdict - warned]
    assert refused == list(beyond(topic))


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_bytes_that_are_not_utf8_are_noticed(spark: SparkSession, topic: Topic) -> None:
    frame = frame_of(spark, topic, GOOD[topic.name])
    broken = frame.withColumn(topic.key_field, F.expr("CAST(X'4D80FF' AS STRING)"))
    for rows, expected in ((frame, []), (broken, ["text_encoding"])):
        assert rows.select(reasons(checks_of(topic)).alias("reasons")).collect()[0]["reasons"] == expected


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_the_first_look_lets_no_text_pass_that_is_not_plain(spark: SparkSession, topic: Topic) -> None:
    """Codes included: there it is their own pattern that stops them."""
    spoilt = [
        (name, bytearray(spoiling), reason)
        for name in text_patterns(topic)
        for reason, texts in (
            ("text_control_characters", (b"A\0\x1f", b"A\x7f", b"\n")),
            ("text_encoding", (b"A\xc3",)),
        )
        for spoiling in texts
    ]
    frame = frame_of(spark, topic, GOOD[topic.name]).crossJoin(
        spark.createDataFrame(spoilt, "_field string, _spoiling binary, _reason string")
    )
    for name in text_patterns(topic):
        frame = frame.withColumn(name, F.expr(f"IF(_field = '{name}', CAST(_spoiling AS STRING), {name})"))
    found = frame.select("_field", "_spoiling", "_reason", reasons(checks_of(topic)).alias("reasons")).collect()
    assert len(found) == len(spoilt)
    for row in found:
        assert row["_reason"] in row["reasons"], row


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_the_first_look_takes_no_text_for_two_and_no_empty_one_for_an_absent_one(
    spark: SparkSession, topic: Topic
) -> None:
    texts = tuple(text_patterns(topic))
    # plain ones, which the first look lets pass
    whole = {name: value if value.isascii() else "U1" for name, value in within(topic) if name in texts}
    (first_look,) = {check.first_look for check in checks_of(topic)} - {"false"}
    assert frame_of(spark, topic, GOOD[topic.name] | whole).where(first_look).count() == 1
    # each text swallows the one after it, which is then missing
    swallowing = [
        whole | {name: f"{whole[name]}{SEPARATOR}{whole[other]}", other: other_value}
        for name, other in pairwise(texts)
        for other_value in (None, "")
    ]
    empty = [whole | {name: ""} for name in texts]
    good = judge(spark, topic, GOOD[topic.name] | whole)[0]
    verdicts = judge(spark, topic, *(GOOD[topic.name] | row for row in (*swallowing, *empty)))
    assert not good & {check.name for check in checks_of(topic) if check.severity == "quarantine"}
    assert all(verdict - good for verdict in verdicts)


def test_only_checks_of_severity_warn_are_kept_out_of_reasons(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1,)], "x int")
    both = (Check("stop", "x > 1"), Check("tell", "x > 1", severity="warn"))
    assert frame.select(reasons(both).alias("reasons")).collect()[0]["reasons"] == ["stop"]
    assert [check.name for check in warnings(both)] == ["tell"]
    assert frame.select(warning_bits(both).alias("bits")).collect()[0]["bits"] == 1
    assert frame.select(warning_bits(both[:1]).alias("bits")).collect()[0]["bits"] == 0


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_a_row_is_judged_in_one_pass_without_python(spark: SparkSession, topic: Topic, tmp_path: Path) -> None:
    record = F.struct(*frame_of(spark, topic, GOOD[topic.name]).columns)
    kept = frame_of(spark, topic, GOOD[topic.name], {}).select(record.alias("record"))
    kept.withColumn("framing_reason", F.lit(None).cast("string")).write.parquet(str(tmp_path / "messages"))
    messages = spark.read.parquet(str(tmp_path / "messages"))
    checks = checks_of(topic)
    judged = with_reasons(messages, checks).withColumn("bits", warning_bits(checks))
    plan: Any = judged._jdf.queryExecution().optimizedPlan()
    steps = [line.split("(")[0].strip(" +:-") for line in plan.toString().splitlines()]
    assert plan.collectLeaves().length() == 1, steps
    assert steps[-1].startswith("Relation"), steps
    assert not [step for step in steps if "Python" in step or "Pandas" in step or "Arrow" in step], steps
    assert judged.count() == 2
