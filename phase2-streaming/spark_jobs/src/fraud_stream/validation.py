"""Promise P1 of every topic at a glance, beside how far behind and how new Bronze is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fraud_stream.broker import Broker
from fraud_stream.conservation import Auditor, TopicAudit
from fraud_stream.freshness import oldest_unread_ms, partition_lags
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Stream, trino_table


@dataclass(frozen=True, slots=True)
class TopicState:
    """What `validate` says about one topic."""

    audit: TopicAudit
    # messages on the broker that are in neither table
    lag: int
    # how long the oldest of them has waited; None when there is none
    oldest_unread_seconds: float | None
    # event time of the newest row, as Trino writes it; None in an empty table
    newest_event: str | None

    @property
    def offsets_in(self) -> int:
        """How many offsets the broker has given out, whether it still holds the messages or not."""
        return self.audit.total("broker_end")


def validate_streams(
    auditor: Auditor, broker: Broker, lakehouse: Lakehouse, streams: Sequence[Stream], wait_seconds: float
) -> list[TopicState]:
    """Audit every stream, giving what is on its way ``wait_seconds`` to arrive, then ask how new it is."""
    audits = auditor.audit(streams, wait_seconds)
    lags = partition_lags(broker, lakehouse, streams, auditor.quarantine_table)
    states = []
    for stream, audit in zip(streams, audits, strict=True):
        own = [lag for lag in lags if lag.topic == stream.topic]
        since = oldest_unread_ms(own, broker.timestamp_ms)
        ((newest,),) = lakehouse.query(f"SELECT CAST(max(event_time) AS varchar) FROM {trino_table(stream.table)}")  # noqa: S608
        states.append(
            TopicState(
                audit=audit,
                lag=sum(lag.lag for lag in own),
                oldest_unread_seconds=None if since is None else max(0.0, time.time() - since / 1000),
                newest_event=newest,
            )
        )
    return states
