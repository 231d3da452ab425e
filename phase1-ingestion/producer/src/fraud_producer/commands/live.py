"""Commands that send live payments."""

import logging
import time
from typing import Annotated

import typer

from fraud_producer.commands.history import simulation_config
from fraud_producer.commands.options import Customers, FraudRate, Rate, Seed, last_full_hour_us
from fraud_producer.continuation import continue_simulation
from fraud_producer.errors import SourceError
from fraud_producer.events import iso
from fraud_producer.feeding import feed_at_rate, summary
from fraud_producer.ledger import Ledger
from fraud_producer.metrics import serve_metrics
from fraud_producer.producer import EventProducer
from fraud_producer.settings import load_settings
from fraud_producer.simulator.config import DAY_US
from fraud_producer.stopping import Stop

log = logging.getLogger(__name__)


def stream(
    rate: Rate = None,
    days: Annotated[int, typer.Option(min=1, help="How far back to begin when the topics are empty.")] = 60,
    seconds: Annotated[float | None, typer.Option(help="End after this time. [default: never]")] = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """Send simulated payments at a rate until stopped, going on where the topics end (the producer service)."""
    settings = load_settings()
    stop = Stop()
    stop.install()
    start_us = last_full_hour_us() - days * DAY_US
    wanted = simulation_config(settings, start_us, None, start_us + DAY_US, customers, seed, fraud_rate)
    try:
        continuation = continue_simulation(settings, wanted, exactly=False)
    except SourceError as occupied:
        # a service that exits would only be started again and again
        log.warning("%s; waiting", occupied)
        serve_metrics(settings.fraud_bind_host, settings.producer_metrics_port)
        stop.wait(float("inf") if seconds is None else seconds)
        return
    begun = time.monotonic()
    with Ledger(settings.fraud_producer_ledger_dir) as ledger:
        with EventProducer(settings.kafka_bootstrap_servers, settings.schema_registry_url, ledger) as producer:
            serve_metrics(settings.fraud_bind_host, settings.producer_metrics_port)
            per_second = rate or settings.transaction_rate
            began_at = iso(continuation.world.config.start_us)
            log.info("sending %g payments a second; the world began %s", per_second, began_at)
            feed_at_rate(producer, continuation.events(), stop, per_second, seconds)
        line = summary(producer.deliveries, ledger.run_id, time.monotonic() - begun)
    typer.echo(line)
    producer.require_complete()
