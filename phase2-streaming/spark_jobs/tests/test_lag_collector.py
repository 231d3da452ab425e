"""What the lag exporter says, from what its sources said."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from fraud_stream.errors import StreamError
from fraud_stream.fraud_ratio import FraudRatio
from fraud_stream.freshness import PartitionLag, lags_behind, oldest_unread_ms
from fraud_stream.lag_collector import LagCollector
from fraud_stream.lakehouse_figures import (
    FeatureParity,
    JudgedDecisions,
    LabelFeed,
    LakehouseFigures,
    Undecided,
    conservation_gap,
)
from fraud_stream.polling import Source
from fraud_stream.positions import BrokerState, StreamPosition

NOW = 1_000_000.0
# partition 1 has lost its first 40 messages to retention, partition 2 is empty
SPANS = {"t.raw": {0: (0, 100), 1: (40, 60), 2: (0, 0)}, "t.dlq": {0: (0, 3)}}


def test_a_partition_without_a_commit_lags_by_all_that_it_holds() -> None:
    lags = lags_behind("t.raw", SPANS["t.raw"], {0: 90})
    assert {lag.partition: (lag.next_offset, lag.lag) for lag in lags} == {0: (90, 10), 1: (40, 20), 2: (0, 0)}


def test_a_reader_that_retention_has_overtaken_lags_by_what_it_lost_as_well() -> None:
    (_, lag, _) = lags_behind("t.raw", SPANS["t.raw"], {1: 30})
    assert (lag.lag, lag.lost) == (30, 10)


def test_a_reader_that_is_ahead_of_a_topic_made_anew_does_not_lag() -> None:
    assert [lag.lag for lag in lags_behind("t.raw", {0: (0, 5)}, {0: 900})] == [0]


def test_a_position_at_the_beginning_is_not_a_partition_that_was_never_read() -> None:
    (lag,) = lags_behind("t.raw", {0: (0, 7)}, {0: 0})
    assert (lag.next_offset, lag.lag) == (0, 7)


def test_the_oldest_unread_message_is_the_oldest_of_all_partitions() -> None:
    lags = [PartitionLag("t", 0, 0, 9, 3), PartitionLag("t", 1, 0, 9, 8), PartitionLag("t", 2, 0, 9, None)]
    received = {(0, 4): 7000, (2, 0): 5000}
    assert oldest_unread_ms(lags, lambda _, partition, offset: received[partition, offset]) == 5000
    assert oldest_unread_ms(lags[1:2], lambda *_: 1) is None


def test_a_gap_is_what_is_missing_and_a_duplicate_does_not_hide_it() -> None:
    assert conservation_gap(done=100, distinct=100, rows=100) == 0
    assert conservation_gap(done=100, distinct=97, rows=97) == 3
    assert conservation_gap(done=100, distinct=99, rows=100) == 2
    assert conservation_gap(done=100, distinct=100, rows=104) == 4


def said(name: str, answer: Any) -> Source[Any]:
    """A source that was asked once and said this; None: it failed."""

    def ask() -> Any:
        if answer is None:
            raise StreamError(f"{name} is away")
        return answer

    source: Source[Any] = Source(name, ask)
    source.refresh(lambda _: 60)
    return source


def scrape(checkpoints: Any, broker: Any, lakehouse: Any) -> dict[tuple[str, ...], float]:
    """Every sample: its name, its label values in the order of their names, and its value."""
    registry = CollectorRegistry()
    registry.register(
        LagCollector(said("checkpoint", checkpoints), said("kafka", broker), said("trino", lakehouse), now=lambda: NOW)
    )
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


POSITIONS = {"t.raw": StreamPosition(begins={}, ends={0: 70, 1: 60})}


def broker_state(unread_since_ms: Mapping[str, int | None]) -> BrokerState:
    return BrokerState(
        spans=SPANS,
        group_lags={"feature-writer": lags_behind("t.raw", SPANS["t.raw"], {0: 99})},
        unread_since_ms=unread_since_ms,
    )


def test_every_partition_of_every_topic_and_group_is_there() -> None:
    found = scrape(POSITIONS, broker_state({"t.raw": int((NOW - 12.5) * 1000)}), None)
    lag, offset, end = (
        "kafka_consumergroup_lag",
        "kafka_consumergroup_current_offset",
        "kafka_topic_partition_current_offset",
    )
    assert found == {
        ("fraud_lag_exporter_up", "kafka"): 1,
        ("fraud_lag_exporter_up", "checkpoint"): 1,
        ("fraud_lag_exporter_up", "trino"): 0,
        (end, "0", "t.raw"): 100,
        (end, "1", "t.raw"): 60,
        (end, "2", "t.raw"): 0,
        (end, "0", "t.dlq"): 3,
        (offset, "bronze-stream", "0", "t.raw"): 70,
        (offset, "bronze-stream", "1", "t.raw"): 60,
        (offset, "bronze-stream", "2", "t.raw"): 0,
        (lag, "bronze-stream", "0", "t.raw"): 30,
        (lag, "bronze-stream", "1", "t.raw"): 0,
        (lag, "bronze-stream", "2", "t.raw"): 0,
        (offset, "feature-writer", "0", "t.raw"): 99,
        (offset, "feature-writer", "1", "t.raw"): 40,
        (offset, "feature-writer", "2", "t.raw"): 0,
        (lag, "feature-writer", "0", "t.raw"): 1,
        (lag, "feature-writer", "1", "t.raw"): 20,
        (lag, "feature-writer", "2", "t.raw"): 0,
        ("fraud_bronze_oldest_unread_seconds", "t.raw"): 12.5,
        ("fraud_bronze_lost_messages", "t.raw"): 0,
    }


def test_what_left_the_topic_unread_is_lost() -> None:
    gone = {"t.raw": StreamPosition(begins={}, ends={0: 70, 1: 20})}
    begin, _ = SPANS["t.raw"][1]
    assert begin > 20
    assert scrape(gone, broker_state({}), None)["fraud_bronze_lost_messages", "t.raw"] == begin - 20


def test_a_stream_that_has_read_all_has_nothing_unread() -> None:
    assert scrape(POSITIONS, broker_state({"t.raw": None}), None)["fraud_bronze_oldest_unread_seconds", "t.raw"] == 0


def test_a_stream_that_never_began_lags_by_all_there_is() -> None:
    found = scrape({"t.raw": StreamPosition({}, {})}, broker_state({}), None)
    lags = {key[2]: value for key, value in found.items() if key[:2] == ("kafka_consumergroup_lag", "bronze-stream")}
    assert lags == {"0": 100, "1": 20, "2": 0}


def test_without_the_checkpoint_the_stream_has_no_lag_and_the_groups_have_theirs() -> None:
    found = scrape(None, broker_state({}), None)
    assert found["fraud_lag_exporter_up", "checkpoint"] == 0
    assert {key[1] for key in found if key[0] == "kafka_consumergroup_lag"} == {"feature-writer"}
    assert not any(key[0] == "fraud_bronze_oldest_unread_seconds" for key in found)


def test_without_the_broker_nobody_has_a_lag() -> None:
    assert scrape(POSITIONS, None, None) == {
        ("fraud_lag_exporter_up", "kafka"): 0,
        ("fraud_lag_exporter_up", "checkpoint"): 1,
        ("fraud_lag_exporter_up", "trino"): 0,
    }


def test_the_lakehouse_tells_what_it_holds() -> None:
    figures = LakehouseFigures(
        rows={("bronze", "transactions"): 90, ("quarantine", "quarantine"): 3},
        newest_event={"bronze": 5.0},
        gold_is_compared=True,
        gold_lacks_since=NOW - 33,
        conservation_gaps={"t.raw": 2},
        fraud_ratio=FraudRatio(newest_day=0.02, baseline=0.01),
    )
    assert scrape(None, None, figures) == {
        ("fraud_lag_exporter_up", "kafka"): 0,
        ("fraud_lag_exporter_up", "checkpoint"): 0,
        ("fraud_lag_exporter_up", "trino"): 1,
        ("fraud_lakehouse_rows", "bronze", "transactions"): 90,
        ("fraud_lakehouse_rows", "quarantine", "quarantine"): 3,
        ("fraud_lakehouse_newest_event_timestamp_seconds", "bronze"): 5,
        ("fraud_gold_oldest_missing_seconds",): 33,
        ("fraud_conservation_gap_messages", "t.raw"): 2,
        ("fraud_gold_fraud_ratio",): 0.02,
        ("fraud_gold_fraud_ratio_baseline",): 0.01,
    }


def test_what_the_lakehouse_cannot_tell_is_absent_and_what_gold_has_is_not_missing() -> None:
    nothing = {key for key in scrape(None, None, LakehouseFigures()) if key[0] != "fraud_lag_exporter_up"}
    assert nothing == set()
    assert scrape(None, None, LakehouseFigures(gold_is_compared=True))[("fraud_gold_oldest_missing_seconds",)] == 0


def test_parity_is_told_by_feature_and_outcome_and_what_was_not_compared_apart() -> None:
    parity = FeatureParity({("a", "match"): 9, ("a", "mismatch"): 1, ("b", "match"): 10}, {"unmatched": 4})
    found = scrape(None, None, LakehouseFigures(feature_parity=parity))
    assert {name: value for name, value in found.items() if "parity" in name[0]} == {
        ("fraud_feature_parity_decisions", "a", "match"): 9,
        ("fraud_feature_parity_decisions", "a", "mismatch"): 1,
        ("fraud_feature_parity_decisions", "b", "match"): 10,
        ("fraud_feature_parity_uncompared_decisions", "unmatched"): 4,
    }


def test_what_labels_say_of_a_model_is_told_by_version_and_what_they_said_before_in_all() -> None:
    judged = JudgedDecisions({("3", "true_positive"): 8, ("3", "false_positive"): 0}, {"true_positive": 9})
    found = scrape(None, None, LakehouseFigures(judged_decisions=judged))
    assert {name: value for name, value in found.items() if "judged" in name[0]} == {
        ("fraud_model_judged_decisions", "true_positive", "3"): 8,
        ("fraud_model_judged_decisions", "false_positive", "3"): 0,
        ("fraud_model_judged_decisions_baseline", "true_positive"): 9,
    }


def test_labels_that_never_told_of_a_fraud_have_no_delay() -> None:
    def told(feed: LabelFeed) -> dict[tuple[str, ...], float]:
        found = scrape(None, None, LakehouseFigures(label_feed=feed))
        return {name: value for name, value in found.items() if name[0] != "fraud_lag_exporter_up"}

    silence = {("fraud_label_silence_seconds",): 60.0}
    assert told(LabelFeed(60.0, None)) == silence
    assert told(LabelFeed(60.0, 86400.0)) == silence | {("fraud_label_delay_seconds",): 86400}


def test_quarantine_tells_what_waits_and_for_how_long() -> None:
    undecided = {"t.raw": Undecided(7, NOW - 90), "u.raw": Undecided()}
    found = scrape(None, None, LakehouseFigures(undecided=undecided, repeated_ratios={"t.raw": 0.25}))
    assert {name: value for name, value in found.items() if name[0] != "fraud_lag_exporter_up"} == {
        ("fraud_quarantine_undecided_messages", "t.raw"): 7,
        ("fraud_quarantine_oldest_undecided_seconds", "t.raw"): 90,
        ("fraud_quarantine_undecided_messages", "u.raw"): 0,
        ("fraud_quarantine_oldest_undecided_seconds", "u.raw"): 0,
        ("fraud_bronze_repeated_ratio", "t.raw"): 0.25,
    }
