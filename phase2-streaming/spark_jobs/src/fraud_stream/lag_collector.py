"""The lag exporter's metrics, made up from the sources' answers at the moment of a scrape."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fraud_stream.freshness import PartitionLag
from fraud_stream.gauges import with_samples
from fraud_stream.lakehouse_figures import FeatureParity, JudgedDecisions, LabelFeed, LakehouseFigures
from fraud_stream.model_figures import model_metrics
from fraud_stream.polling import Source
from fraud_stream.positions import BRONZE_GROUP, BrokerState, StreamPosition, stream_lags


class LagCollector(Collector):
    """Gauges of whatever the sources answered last; those of a source that does not answer are absent."""

    def __init__(
        self,
        checkpoints: Source[dict[str, StreamPosition]],
        broker: Source[BrokerState],
        lakehouse: Source[LakehouseFigures],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._checkpoints = checkpoints
        self._broker = broker
        self._lakehouse = lakehouse
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield self._up()
        broker = self._broker.answer()
        positions = self._checkpoints.answer()
        if broker is not None:
            yield _broker_ends(broker)
            groups = dict(broker.group_lags)
            if positions is not None:
                groups[BRONZE_GROUP] = stream_lags(broker.spans, positions)
                yield self._oldest_unread(broker.unread_since_ms)
                yield _lost(groups[BRONZE_GROUP], positions)
            yield from _group_lags(groups)
        figures = self._lakehouse.answer()
        if figures is not None:
            yield from self._lakehouse_figures(figures)

    def _up(self) -> GaugeMetricFamily:
        up = GaugeMetricFamily(
            "fraud_lag_exporter_up", "1 when the source answered the last time it was asked", labels=["source"]
        )
        for source in (self._broker, self._checkpoints, self._lakehouse):
            if source.was_asked:
                up.add_metric([source.name], 0 if source.answer() is None else 1)
        return up

    def _oldest_unread(self, since_ms: Mapping[str, int | None]) -> GaugeMetricFamily:
        oldest = GaugeMetricFamily(
            "fraud_bronze_oldest_unread_seconds",
            "Seconds since the broker received the oldest message that the Bronze stream has not landed, 0 without one",
            labels=["topic"],
        )
        for topic, moment in since_ms.items():
            oldest.add_metric([topic], 0 if moment is None else max(0.0, self._now() - moment / 1000))
        return oldest

    def _lakehouse_figures(self, figures: LakehouseFigures) -> Iterator[Metric]:
        yield with_samples(
            GaugeMetricFamily("fraud_lakehouse_rows", "Rows of a table", labels=["layer", "table"]),
            figures.rows.items(),
        )
        yield with_samples(
            GaugeMetricFamily(
                "fraud_lakehouse_newest_event_timestamp_seconds",
                "Event time of the newest payment of a layer, Unix seconds",
                labels=["layer"],
            ),
            figures.newest_event.items(),
        )
        yield with_samples(
            GaugeMetricFamily(
                "fraud_conservation_gap_messages",
                "Messages that the stream finished and no table holds, plus rows that are there twice; 0 when all is "
                "whole",
                labels=["topic"],
            ),
            figures.conservation_gaps.items(),
        )
        yield from self._quarantine(figures)
        yield with_samples(
            GaugeMetricFamily(
                "fraud_bronze_repeated_ratio",
                "Of the rows of Bronze's newest day of event time, the share whose id an earlier row has",
                labels=["topic"],
            ),
            figures.repeated_ratios.items(),
        )
        if figures.gold_is_compared:
            since = figures.gold_lacks_since
            yield GaugeMetricFamily(
                "fraud_gold_oldest_missing_seconds",
                "Seconds since Bronze got the oldest payment that Gold does not have, 0 when Gold has all",
                value=0 if since is None else max(0.0, self._now() - since),
            )
        if figures.fraud_ratio is not None:
            yield GaugeMetricFamily(
                "fraud_gold_fraud_ratio",
                "Payments that became known as fraud per payment, in the newest 24 full hours of Gold's event time",
                value=figures.fraud_ratio.newest_day,
            )
            yield GaugeMetricFamily(
                "fraud_gold_fraud_ratio_baseline",
                "The same over the 7 days before those 24 hours",
                value=figures.fraud_ratio.baseline,
            )
        yield from _decided(figures)

    def _quarantine(self, figures: LakehouseFigures) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "fraud_quarantine_undecided_messages",
            "Quarantined messages that nobody has redriven or discarded",
            labels=["topic"],
        )
        oldest = GaugeMetricFamily(
            "fraud_quarantine_oldest_undecided_seconds",
            "Seconds since the broker received the oldest of them, 0 without one",
            labels=["topic"],
        )
        for topic, undecided in figures.undecided.items():
            waiting.add_metric([topic], undecided.messages)
            since = undecided.since
            oldest.add_metric([topic], 0 if since is None else max(0.0, self._now() - since))
        yield waiting
        yield oldest


def _decided(figures: LakehouseFigures) -> Iterator[Metric]:
    """What is known of decisions and their model; nothing of what nobody has looked at yet."""
    if figures.model is not None:
        yield from model_metrics(figures.model)
    if figures.feature_parity is not None:
        yield from _feature_parity(figures.feature_parity)
    if figures.judged_decisions is not None:
        yield from _judged_decisions(figures.judged_decisions)
    if figures.label_feed is not None:
        yield from _label_feed(figures.label_feed)


def _feature_parity(parity: FeatureParity) -> Iterator[Metric]:
    yield with_samples(
        GaugeMetricFamily(
            "fraud_feature_parity_decisions",
            "Decisions of the newest two days by how a feature's value compares with the one that Gold computes",
            labels=["feature", "outcome"],
        ),
        sorted(parity.decisions.items()),
    )
    yield with_samples(
        GaugeMetricFamily(
            "fraud_feature_parity_uncompared_decisions",
            "Decisions of these days that were not compared: of another definition, or Gold has no such payment "
            "and moment",
            labels=["reason"],
        ),
        sorted(parity.uncompared.items()),
    )


def _judged_decisions(judged: JudgedDecisions) -> Iterator[Metric]:
    yield with_samples(
        GaugeMetricFamily(
            "fraud_model_judged_decisions",
            "Alerts and missed frauds by what labels say, of the newest week of decisions whose labels are mature",
            labels=["version", "outcome"],
        ),
        sorted(judged.newest.items()),
    )
    yield with_samples(
        GaugeMetricFamily(
            "fraud_model_judged_decisions_baseline", "The same of the four weeks before", labels=["outcome"]
        ),
        sorted(judged.before.items()),
    )


def _label_feed(feed: LabelFeed) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "fraud_label_silence_seconds",
        "Seconds of event time from the newest label to the newest payment",
        value=feed.silence_seconds,
    )
    if feed.delay_seconds is not None:
        yield GaugeMetricFamily(
            "fraud_label_delay_seconds",
            "Seconds from the payment within which nine in ten of the frauds that the newest week told of became known",
            value=feed.delay_seconds,
        )


def _broker_ends(broker: BrokerState) -> GaugeMetricFamily:
    ends = GaugeMetricFamily(
        "kafka_topic_partition_current_offset",
        "Offset that the broker will give to the partition's next message",
        labels=["topic", "partition"],
    )
    for topic, spans in sorted(broker.spans.items()):
        for partition, (_, end) in sorted(spans.items()):
            ends.add_metric([topic, str(partition)], end)
    return ends


def _lost(lags: Iterable[PartitionLag], positions: Iterable[str]) -> GaugeMetricFamily:
    lost = GaugeMetricFamily(
        "fraud_bronze_lost_messages",
        "Messages that left their topic before the Bronze stream read them, until it is told to go on after them",
        labels=["topic"],
    )
    found = dict.fromkeys(sorted(positions), 0)
    for lag in lags:
        # a partition that was never read is read from where the broker begins
        found[lag.topic] += lag.lost if lag.newest is not None else 0
    for topic, count in found.items():
        lost.add_metric([topic], count)
    return lost


def _group_lags(groups: Mapping[str, Iterable[PartitionLag]]) -> Iterator[GaugeMetricFamily]:
    labels = ["consumergroup", "topic", "partition"]
    offsets = GaugeMetricFamily(
        "kafka_consumergroup_current_offset",
        "Next offset that a group reads; the partition's first one where it never read",
        labels=labels,
    )
    behind = GaugeMetricFamily(
        "kafka_consumergroup_lag", "Messages of a partition that a group has not read", labels=labels
    )
    for group, lags in sorted(groups.items()):
        for lag in lags:
            place = [group, lag.topic, str(lag.partition)]
            offsets.add_metric(place, lag.next_offset)
            behind.add_metric(place, lag.lag)
    yield offsets
    yield behind
