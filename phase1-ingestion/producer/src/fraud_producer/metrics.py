"""What the producer tells Prometheus, and the port that tells it."""

import json
import threading
from http.server import ThreadingHTTPServer
from typing import Final

from prometheus_client import Counter, Gauge, MetricsHandler

from fraud_producer.health import HEALTH

_END_NOTICED_SECONDS: Final = 0.1

EVENTS: Final = Counter(
    "fraud_producer_events",
    "Messages by topic and outcome (acknowledged, failed, unknown or dead_letter).",
    ["topic", "outcome"],
)
DEAD_LETTERS: Final = Counter(
    "fraud_producer_dead_letters",
    "Events that became dead letters, by their topic and why: the field that does not fit, too_large or other.",
    ["topic", "reason"],
)
NEWEST_EVENT_TIME: Final = Gauge(
    "fraud_producer_newest_event_timestamp_seconds", "Event time of the newest acknowledged message.", ["topic"]
)
QUEUED: Final = Gauge("fraud_producer_queued_messages", "Messages that wait for the broker's acknowledgement.")
REACTIVE_PAYMENTS: Final = Counter(
    "fraud_producer_reactive_payments",
    "Live payments by what the workers of reactive alerts did: looked_at, or dropped because their queue was full.",
    ["outcome"],
)
REACTIVE_QUEUED: Final = Gauge(
    "fraud_producer_reactive_queued_payments", "Live payments that wait for a worker of reactive alerts."
)
REACTIVE_ALERTS: Final = Counter("fraud_producer_reactive_alerts", "Reactive alerts by type.", ["type"])
for outcome in ("looked_at", "dropped"):
    # what an alert may be raised on exists from the start
    REACTIVE_PAYMENTS.labels(outcome)


class _Handler(MetricsHandler):
    """``GET /health`` answers 200 or 503 with the reasons; every other path gives the metrics."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path.partition("?")[0] != "/health":
            super().do_GET()
            return
        is_well, said = HEALTH.verdict()
        body = json.dumps(said).encode()
        self.send_response(200 if is_well else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class MetricsPort(threading.Thread):
    """The thread that answers; ``port`` is the one it was given, or a free one for 0."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(daemon=True)
        self._server = ThreadingHTTPServer((host, port), _Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def run(self) -> None:
        self._server.serve_forever(_END_NOTICED_SECONDS)

    def close(self) -> None:
        """Answer no more, and give the port back."""
        self._server.shutdown()
        self._server.server_close()


def serve_metrics(host: str, port: int) -> MetricsPort:
    """Answer ``GET /metrics`` and ``GET /health`` in a thread of its own until it is closed or the process ends.

    Raises:
        OSError: the port cannot be used.
    """
    thread = MetricsPort(host, port)
    thread.start()
    return thread
