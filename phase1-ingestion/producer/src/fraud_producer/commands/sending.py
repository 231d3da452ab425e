"""What every command that sends opens and says at the end: the ledger of its run, a producer, and a line of JSON."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fraud_contracts import new_run_id
from fraud_producer.feeding import summary
from fraud_producer.ledger import Ledger
from fraud_producer.metrics import serve_metrics
from fraud_producer.producer import EventProducer
from fraud_producer.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its producer, which has delivered everything once the block is left, and the name of its ledger.

    ``began`` is a reading of the monotonic clock.
    """

    producer: EventProducer
    run_id: str
    began: float

    def summary(self, **more: Any) -> str:
        """One line of JSON about the whole run; ``more`` is added to it."""
        return summary(self.producer.deliveries, self.run_id, time.monotonic() - self.began, **more)


@contextmanager
def watchable(settings: Settings) -> Iterator[None]:
    """``GET /health`` and ``GET /metrics`` while the block lasts, on a port that is free; the log says which.

    ``PRODUCER_METRICS_PORT`` is the producer service's, which may run or be started while a file is sent.
    """
    port = serve_metrics(settings.fraud_bind_host, 0)
    log.info("this run can be watched at http://%s:%d/health and /metrics", settings.fraud_bind_host, port.port)
    try:
        yield
    finally:
        port.close()


@contextmanager
def sending(settings: Settings, run_id: str | None = None) -> Iterator[Run]:
    """Open a ledger and a producer for one run; leaving flushes both, the ledger last.

    Raises:
        ProducerError: as entering an ``EventProducer`` does.
    """
    began = time.monotonic()
    with (
        Ledger(settings.fraud_producer_ledger_dir, run_id or new_run_id()) as ledger,
        EventProducer(settings.kafka_bootstrap_servers, settings.schema_registry_url, ledger) as producer,
    ):
        yield Run(producer, ledger.run_id, began)
