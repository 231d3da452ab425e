"""What the producer tells Prometheus."""

import threading
from typing import Final

from prometheus_client import Counter, Gauge, start_http_server

EVENTS: Final = Counter(
    "fraud_producer_events", "Messages by topic and outcome (acknowledged or failed).", ["topic", "outcome"]
)
NEWEST_EVENT_TIME: Final = Gauge(
    "fraud_producer_newest_event_time_seconds", "Event time of the newest acknowledged message.", ["topic"]
)
QUEUED: Final = Gauge("fraud_producer_queued_messages", "Messages that wait for the broker's acknowledgement.")


def serve_metrics(host: str, port: int) -> threading.Thread:
    """Answer ``GET /metrics`` in a thread of its own until the process ends."""
    _, thread = start_http_server(port, addr=host)
    return thread
