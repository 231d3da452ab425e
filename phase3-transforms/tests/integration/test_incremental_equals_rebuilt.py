"""dbt on the real Trino.

After late, duplicate and corrected rows an incremental run holds what a rebuild holds. Labels that become known later
change nothing in the features of payments before.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fraud_features import FEATURES

pytestmark = pytest.mark.integration

Contents = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def lake(lakes: ModuleType, stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as made:
        yield made


@pytest.fixture(scope="module")
def incremental(lakes: ModuleType, lake: Any) -> Contents:
    """Contents of every model after a build and an incremental run."""
    lake.receive(lakes.FIRST, lakes.FIRST_LABELS)
    lake.receive_others(lakes.FIRST_OTHERS)
    lake.decide(("T1", 1000), ("T2", 2000))
    lake.dbt("build", "--exclude-resource-type", "test", "unit_test")
    lake.receive(lakes.SECOND, lakes.SECOND_LABELS)
    lake.receive_others(lakes.SECOND_OTHERS)
    # one became visible after a record that was made later
    lake.decide(("T3", 1990), ("T4", 3000))
    lake.dbt("run")
    return lake.contents()


@pytest.mark.slow
def test_the_first_message_of_an_id_is_kept(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    received: dict[str, Any] = {}
    for row in sorted(lakes.FIRST + lakes.SECOND, key=lambda row: (row.arrived, row.partition, row.offset)):
        received.setdefault(row.transaction_id, row)
    kept = lake.query(
        f"select transaction_id, event_us, amount_cents, _partition, _offset from {lake.prefix}silver.int_transactions"
    )
    expected = [
        (row.transaction_id, lakes.epoch_us(lakes.at(row.minute)), row.cents, row.partition, row.offset)
        for row in received.values()
    ]
    assert sorted(tuple(row) for row in kept) == sorted(expected)
    assert incremental["silver.int_transactions"][0] == len(received)


@pytest.mark.slow
def test_failed_logins_are_those_of_the_first_messages(lake: Any, incremental: Contents) -> None:
    found = lake.query(
        f"select transaction_id, user_failed_logins_count_10m from {lake.prefix}gold.mart_fraud_features "
        "where user_failed_logins_count_24h > 0 and transaction_id in ('T1', 'T200', 'T300')"
    )
    assert sorted(tuple(row) for row in found) == [("T200", 1), ("T300", 1)]
    assert incremental["silver.int_logins"][0] == 4


@pytest.mark.slow
def test_days_and_hours_that_lost_their_last_payment_are_gone(
    lakes: ModuleType, lake: Any, incremental: Contents
) -> None:
    moved = lake.query(
        f"select user_id, transaction_count from {lake.prefix}silver.int_user_daily where user_id in ('U0040', 'U0041')"
    )
    assert [tuple(row) for row in moved] == [("U0041", 1)]
    hour = lakes.timestamp(lakes.at(4150).replace(minute=0))
    assert lake.query(f"select * from {lake.prefix}gold.mart_hourly_metrics where event_hour = {hour}") == []
    assert incremental["silver.int_user_daily"][0] > 0


@pytest.mark.slow
def test_a_corrected_label_holds_only_until_the_correction(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    rows = lake.query(
        "select label_id, is_fraud, known_us, superseded_us, user_id, transaction_us "
        f"from {lake.prefix}silver.int_labels_as_of where transaction_id in ('T3', 'T20', 'LATE') order by label_id"
    )
    minutes = {2000: "L1", 2400: "L5", 2500: "L2", 2600: "L3", 4200: "L4"}
    known = {label: lakes.epoch_us(lakes.at(minute)) for minute, label in minutes.items()}
    t20, late = lakes.BY_ID["T20"], lakes.SECOND[1]
    assert [tuple(row) for row in rows] == [
        ("L1", True, known["L1"], known["L4"], "U0009", lakes.epoch_us(lakes.at(lakes.BY_ID["T3"].minute))),
        ("L2", True, known["L2"], None, f"U{t20.user:04d}", lakes.epoch_us(lakes.at(t20.minute))),
        ("L3", True, known["L3"], None, "U0002", lakes.epoch_us(lakes.at(late.minute))),
        ("L4", False, known["L4"], None, "U0009", lakes.epoch_us(lakes.at(lakes.BY_ID["T3"].minute))),
        ("L5", False, known["L5"], known["L2"], f"U{t20.user:04d}", lakes.epoch_us(lakes.at(t20.minute))),
    ]
    assert incremental["silver.int_labels_as_of"][0] == 8


@pytest.mark.slow
def test_a_label_filled_from_a_payment_follows_it(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    rows = lake.query(
        f"select label_id, user_id, transaction_us from {lake.prefix}silver.int_labels_as_of "
        "where transaction_id = 'MOVED'"
    )
    assert [tuple(row) for row in rows] == [("L8", "U0041", lakes.epoch_us(lakes.at(100)))]
    assert incremental["gold.mart_user_risk_profiles"][0] > 0


@pytest.mark.slow
def test_every_decision_is_in_gold_once_however_late_it_became_visible(
    lakes: ModuleType, lake: Any, incremental: Contents
) -> None:
    rows = lake.query(
        f"select transaction_id, decided_at, merchant_id, amount, reasons from {lake.prefix}gold.mart_decisions"
    )
    made = {"T1": 1000, "T2": 2000, "T3": 1990, "T4": 3000}
    expected = [
        (key, lakes.at(minute).replace(tzinfo=None), "M001", Decimal("1.50"), "one; two")
        for key, minute in made.items()
    ]
    assert sorted(tuple(row) for row in rows) == sorted(expected)
    assert incremental["gold.mart_decisions"][0] == len(made)


@pytest.mark.slow
def test_every_message_is_counted_with_what_became_of_it(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    counted = lake.query(
        f"select topic, outcome, reason, sum(message_count) from {lake.prefix}gold.mart_landing_daily "
        "group by topic, outcome, reason"
    )
    payments, labels = lakes.FIRST + lakes.SECOND, lakes.FIRST_LABELS + lakes.SECOND_LABELS
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
            ("kyc_profiles.raw", "landed", "", 4),
            ("kyc_profiles.raw", "repeated", "", 1),
        ]
    )
    days = lake.query(
        f"select arrival_date, newest_arrival_at from {lake.prefix}gold.mart_landing_daily "
        "where outcome = 'quarantined' order by newest_arrival_at"
    )
    arrivals = [lakes.at(minute).replace(tzinfo=None) for minute in (20, 899, 900)]
    assert [tuple(row) for row in days] == [(arrival.date(), arrival) for arrival in arrivals]
    assert incremental["gold.mart_landing_daily"][0] > len(counted)


@pytest.mark.slow
def test_a_run_without_news_changes_nothing(lake: Any, incremental: Contents) -> None:
    said = lake.dbt("run")
    assert lake.contents() == incremental
    # nor is anything computed again to find that out
    untouched = set(re.findall(r"OK created sql incremental model \S+\.(\w+)[ .]+\[NOTHING NEW", said))
    assert untouched >= {
        "int_transactions",
        "int_user_daily",
        "mart_hourly_metrics",
        "mart_user_profile",
        "mart_merchant_risk",
        "mart_category_profile",
        "mart_fraud_features",
        "mart_feature_parity",
    }, said


@pytest.mark.slow
def test_a_rebuild_gives_the_same_content_in_one_piece(lake: Any, incremental: Contents) -> None:
    said = replace(lake, piece_rows=200_000).dbt("run", "--full-refresh")
    assert "piece 1 of" not in said
    assert lake.contents() == incremental
    assert all(count > 0 for count, _ in incremental.values())


@pytest.mark.slow
def test_a_table_rebuilt_whole_is_one_commit_each_time(lake: Any, incremental: Contents) -> None:
    """Whoever reads meets the old rows or the new ones, and never an empty table."""
    whole = lake.models("table")
    assert {"gold.mart_model_performance", "gold.mart_fraud_kpis", "gold.mart_user_risk_profiles"} <= set(whole)
    for model in whole:
        schema, table = model.split(".")
        rows = lake.query(f'select operation from {lake.prefix}{schema}."{table}$history"')
        assert len(rows) >= 2
        assert {operation for (operation,) in rows} <= {"CREATE TABLE AS SELECT", "CREATE OR REPLACE TABLE AS SELECT"}
    assert incremental


@pytest.mark.slow
def test_logins_alone_are_news(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    """Nothing but logins arrives: late ones, one just before the boundary of a payment after it, one replaced."""
    noon, dawn = lakes.BY_ID["T300"], lakes.BY_ID["T246"]
    # two in the morning: the payment looks at its own day's boundary, the login before it at that of the day before
    two = 60.0 * (24 + 17)
    assert two < dawn.minute < two + 1
    lake.receive_others(
        [
            lakes.Attempt("G5", noon.user, noon.minute - 1, "FAILURE", 0, 3, 6000),
            lakes.Attempt("G6", dawn.user, two - 0.5, "FAILURE", 0, 4, 6000),
            lakes.Attempt("G7", noon.user, noon.minute - 4, "LOCKED", 0, 5, 6000),
            # takes the place of one that failed
            lakes.Attempt("G2", noon.user, noon.minute - 2, "SUCCESS", 1, 3, 2999),
        ]
    )
    lake.dbt("run")
    found = lake.query(
        f"select transaction_id, user_failed_logins_count_10m from {lake.prefix}gold.mart_fraud_features "
        "where transaction_id in ('T246', 'T300')"
    )
    assert sorted(tuple(row) for row in found) == [("T246", 1), ("T300", 2)]
    after = lake.contents()
    assert after["gold.mart_fraud_features"] != incremental["gold.mart_fraud_features"]
    said = lake.dbt("run", "--full-refresh")
    pieces = {"int_transactions": 3, "mart_fraud_features": 3, "mart_user_profile": 3}
    # five times as many rows in each
    pieces |= {"int_user_daily": 2, "mart_hourly_metrics": 2}
    assert [model for model, last in pieces.items() if f"{model}: piece {last} of" not in said] == []
    assert lake.contents() == after


@pytest.mark.slow
def test_kyc_records_alone_are_news(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    """Nothing but KYC records arrives: a late one, the first of a customer, and one that takes another's place."""
    scored, other = lakes.BY_ID["T300"], lakes.BY_ID["T301"]
    assert scored.user != other.user
    names = ("user_kyc_age", "user_kyc_changes_count_30d", "user_contact_changes_count_30d")
    question = (
        f"select {', '.join(names)} from {lake.prefix}gold.mart_fraud_features "
        "where transaction_id in ('T300', 'T301') order by transaction_id"
    )
    # the boundary before T300 is the third day's midnight, 2,340 minutes after the start
    age = (2340 + 10_000) / 1440
    before = lake.contents()
    assert [tuple(row) for row in lake.query(question)] == [(pytest.approx(age), 1, 0), (-1, -1, -1)]
    lake.receive_others(
        [
            lakes.Record("K5", scored.user, 2340 - 1e-6, "EMAIL_CHANGED", 0, 5, 6000),
            lakes.Record("K6", other.user, 2340 - 1440, "OPENED", 0, 6, 6000, "HIGH"),
            # not known before the boundary
            lakes.Record("K7", other.user, 2340, "PHONE_CHANGED", 0, 7, 6000),
            # takes the place of one that was known later
            lakes.Record("K4", scored.user, -11_000, "VERIFIED", 1, 0, 4099),
        ]
    )
    lake.dbt("run")
    age = (2340 + 11_000) / 1440
    assert [tuple(row) for row in lake.query(question)] == [(pytest.approx(age), 2, 1), (1, 0, 0)]
    after = lake.contents()
    assert {name for name in after if after[name] != before[name]} >= {
        *("silver.int_kyc_as_of", "silver.int_transactions_enriched", "gold.mart_user_profile"),
        *("gold.mart_merchant_risk", "gold.mart_category_profile", "gold.mart_fraud_features"),
    }
    in_force = lake.query(
        f"select kyc_change_id, kyc_risk_rating from {lake.prefix}silver.int_transactions_enriched "
        "where transaction_id in ('T300', 'T301') order by transaction_id"
    )
    assert [tuple(row) for row in in_force] == [("K5", "LOW"), ("K7", "LOW")]
    lake.dbt("run", "--full-refresh")
    assert lake.contents() == after


@pytest.mark.slow
def test_a_profile_that_holds_is_not_computed_again(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    """Two more payments look at the newest boundary; nothing from before it has come."""
    profiles = f"{lake.prefix}gold.mart_user_profile"
    ((newest, known, largest),) = lake.query(
        f"select as_of, min(user_id), min_by(user_amount_max_90d, user_id) from {profiles} "
        f"where as_of = (select max(as_of) from {profiles}) and user_amount_max_90d is not null group by as_of"
    )
    row = f"where as_of = date '{newest}' and user_id"
    noon = (datetime(newest.year, newest.month, newest.day, 12, tzinfo=UTC) - lakes.START).total_seconds() / 60
    offset = max(payment.offset for payment in lakes.FIRST + lakes.SECOND if payment.partition == 0) + 1
    lake.query(f"update {profiles} set user_amount_max_90d = -1 {row} = '{known}'")
    # whoever has no payment that looks at a boundary has no row there
    lake.query(
        f"update {profiles} set user_id = 'GONE' {row} = (select max(user_id) from {profiles} {row} <> '{known}')"
    )
    lake.receive(
        [
            lakes.Payment("HELD1", int(known.removeprefix("U")), noon, 700, 0, offset, 7000),
            lakes.Payment("HELD2", 9876, noon + 1, 800, 0, offset + 1, 7000),
        ],
        [],
    )
    lake.dbt("run", "--select", "+mart_user_profile")
    assert lake.query(f"select user_amount_max_90d from {profiles} {row} = '{known}'") == [[-1]]
    assert lake.query(f"select user_id from {profiles} {row} in ('GONE', 'U9876')") == [["U9876"]]
    lake.query(f"update {profiles} set user_amount_max_90d = {largest} {row} = '{known}'")
    lake.dbt("run")
    after = lake.contents()
    lake.dbt("run", "--full-refresh")
    assert lake.contents() == after
    assert incremental


@pytest.mark.slow
def test_a_label_learns_its_merchant_from_a_payment_after_its_day(
    lakes: ModuleType, lake: Any, incremental: Contents
) -> None:
    """The sender knows when it was and who paid; the payment is newer than the boundary whose profile changes."""
    risk = f"{lake.prefix}gold.mart_merchant_risk"
    ((newest, merchant, frauds),) = lake.query(
        f"select as_of, min(merchant_id), min_by(merchant_known_frauds_count_7d, merchant_id) from {risk} "
        f"where as_of = (select max(as_of) from {risk}) group by as_of"
    )
    row = f"where as_of = date '{newest}' and merchant_id = '{merchant}'"
    known = f"select merchant_known_frauds_count_7d from {risk} {row}"
    midnight = (datetime(newest.year, newest.month, newest.day, tzinfo=UTC) - lakes.START).total_seconds() / 60
    number = int(merchant.removeprefix("M"))
    payment = lakes.Payment("TOLD", 9871, midnight + 720, 900, 1, lakes.NEXT[1] + 20, 8000, number)
    claimed = payment._replace(minute=midnight - 120)
    lake.receive([], [lakes.Verdict("L9", "TOLD", midnight - 60, True, 9, claimed, names_merchant=False)])
    lake.dbt("run")
    assert lake.query(known) == [[frauds]]
    lake.receive([payment], [])
    lake.dbt("run")
    assert lake.query(known) == [[frauds + 1]]
    after = lake.contents()
    lake.dbt("run", "--full-refresh")
    assert lake.contents() == after
    assert incremental


@pytest.mark.slow
def test_profiles_that_hold_are_read_in_pieces(lakes: ModuleType, lake: Any, incremental: Contents) -> None:
    """A failed login older than every payment: each boundary differs, and every profile holds."""
    lake.receive_others([lakes.Attempt("G8", 1, -2000, "FAILURE", 0, 20, 9000)])
    said = lake.dbt("run", "--select", "+mart_user_profile")
    assert "mart_user_profile: piece 3 of 3" in said
    after = lake.content("gold.mart_user_profile")
    lake.dbt("run", "--full-refresh", "--select", "mart_user_profile")
    assert lake.content("gold.mart_user_profile") == after
    lake.dbt("run")
    assert incremental


@pytest.mark.slow
def test_another_setting_computes_every_row_again(lake: Any, incremental: Contents) -> None:
    before = lake.contents()
    other = replace(lake, env={**lake.env, "FRAUD_FEATURES_LABEL_MATURITY_DAYS": "1"})
    other.dbt("run")
    after = other.contents()
    changed = {name for name in after if after[name] != before[name]}
    assert changed >= {
        *("gold.mart_user_profile", "gold.mart_merchant_risk", "gold.mart_category_profile"),
        *("gold.mart_user_profile_current", "gold.mart_merchant_risk_current", "gold.mart_fraud_features"),
        *("gold.mart_model_performance", "gold.mart_fraud_summary_daily", "gold.mart_fraud_kpis"),
    }
    assert [name for name in changed if not name.startswith("gold.")] == []
    other.dbt("run", "--full-refresh")
    assert other.contents() == after
    lake.dbt("run")
    assert lake.contents() == before
    assert incremental


@pytest.mark.slow
def test_tables_of_other_features_are_built_anew(lake: Any, incremental: Contents) -> None:
    """As after an upgrade: a feature has come to one table, and one has gone from another."""
    before = lake.contents()
    for table, columns in (
        ("mart_user_profile", [name for name in lake.columns("gold.mart_user_profile") if "_mean_30d" not in name]),
        ("mart_fraud_features", [*lake.columns("gold.mart_fraud_features"), "1 as gone_count_1h"]),
    ):
        named = f"{lake.prefix}gold.{table}"
        lake.query(f"create or replace table {named} as select {', '.join(columns)} from {named}")
    assert lake.contents() != before
    said = lake.dbt("run")
    assert set(re.findall(r"(\w+): its columns are no longer the model's", said)) == {
        "mart_user_profile",
        "mart_fraud_features",
    }
    assert lake.contents() == before
    assert incremental


@pytest.mark.slow
def test_every_data_and_unit_test_passes(lake: Any, incremental: Contents) -> None:
    said = lake.dbt("test")
    assert " ERROR=0 " in said
    assert incremental


# Noon of the third day. Payments from two in the morning on look at that day's boundary, some before the cut and some
# after it; what is known by midnight shows from the boundary of the fourth day on.
CUT = 3060


def labelled(lakes: ModuleType) -> list[Any]:
    return [
        lakes.Verdict(f"A{number}", f"T{number}", number * 10 + 1000, number % 3 > 0, offset, lakes.BY_ID[f"T{number}"])
        for offset, number in enumerate(range(0, 290, 7))
    ]


def added(lakes: ModuleType, known: list[Any]) -> list[Any]:
    """Every label known before the cut is contradicted from then on, and payments of before turn out to be fraud."""
    return [
        *(
            label._replace(
                label_id=f"B{label.offset}", minute=CUT + label.offset, is_fraud=not label.is_fraud, offset=offset
            )
            for offset, label in enumerate(known, len(known))
            if label.minute < CUT
        ),
        *(
            lakes.Verdict(f"C{number}", f"T{number}", CUT + number, True, offset)
            for offset, number in enumerate(range(1, 300, 7), 2 * len(known))
        ),
    ]


def build_features(lakes: ModuleType, lake: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rebuilds; hashes of whole rows and of each column, over the payments before the cut and over those from it on."""
    lake.dbt("run", "--full-refresh", "--select", "+mart_fraud_features")
    columns = lake.columns("gold.mart_fraud_features")
    hashes = ", ".join(f"to_hex(checksum({column}))" for column in (f"row({', '.join(columns)})", *columns))
    cut = lakes.epoch_us(lakes.at(CUT))
    before, after = (
        lake.query(f"select count(*), {hashes} from {lake.prefix}gold.mart_fraud_features where event_us {condition}")
        for condition in (f"< {cut}", f">= {cut}")
    )
    names = ("rows", "whole rows", *(column.strip('"') for column in columns))
    return dict(zip(names, before[0], strict=True)), dict(zip(names, after[0], strict=True))


@pytest.mark.slow
def test_labels_known_from_a_moment_on_leave_the_features_before_it_byte_identical(
    lakes: ModuleType, stack: Any, tmp_path: Path
) -> None:
    with lakes.lake_of_its_own(stack, tmp_path) as made:
        # a history of three days is shorter than labels take otherwise
        lake = replace(made, env={**made.env, "FRAUD_FEATURES_LABEL_MATURITY_DAYS": "1"})
        known = labelled(lakes)
        lake.receive(lakes.FIRST, known)
        before, after = build_features(lakes, lake)
        cut = lakes.timestamp(lakes.at(CUT))
        lake.query(f"update {lake.prefix}bronze.labels set is_fraud = not is_fraud where event_time >= {cut}")
        lake.receive([], added(lakes, known))
        before_scrambled, after_scrambled = build_features(lakes, lake)

    assert before_scrambled == before
    # each column that a label enters differs later on: a leak through any of them would show above
    told_by_labels = {feature.name for feature in FEATURES if feature.source == "labels"}
    assert told_by_labels <= {name for name in after if after_scrambled[name] != after[name]}
