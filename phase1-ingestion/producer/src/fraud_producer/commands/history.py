"""Commands that fill the topics with history."""

import time
from typing import Annotated

import typer

from fraud_contracts import TRANSACTIONS
from fraud_producer.commands.options import Customers, FraudRate, Seed, last_full_hour_us, moment_us
from fraud_producer.continuation import continue_simulation
from fraud_producer.errors import SettingsError
from fraud_producer.events import Event, iso
from fraud_producer.feeding import feed, summary
from fraud_producer.ledger import Ledger
from fraud_producer.producer import EventProducer
from fraud_producer.progress import progress
from fraud_producer.settings import Settings, load_settings
from fraud_producer.simulator import SimulationConfig
from fraud_producer.simulator.config import DAY_US, DEFAULT_PER_DAY
from fraud_producer.stopping import Stop


def simulate(
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 60,
    end: Annotated[str | None, typer.Option(help="Where history ends, ISO 8601. [default: the last full hour]")] = None,
    start: Annotated[str | None, typer.Option(help="Where it begins; instead of --days.")] = None,
    transactions: Annotated[int | None, typer.Option(min=1, help="Payments in all. [default: 5000 a day]")] = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """Produce simulated history as fast as possible: payments, and the labels known before its end.

    Running it again goes on where the topics end, without a gap and without a repetition.
    """
    settings = load_settings()
    end_us = moment_us(end, "--end") if end else last_full_hour_us()
    start_us = moment_us(start, "--start") if start else end_us - days * DAY_US
    if start_us >= end_us:
        raise typer.BadParameter(f"history begins at {iso(start_us)}, not before its end {iso(end_us)}")
    wanted = simulation_config(settings, start_us, transactions, end_us, customers, seed, fraud_rate)
    continuation = continue_simulation(settings, wanted, exactly=True)
    stop = Stop()
    stop.install()
    begun = time.monotonic()
    with Ledger(settings.fraud_producer_ledger_dir) as ledger:
        with (
            EventProducer(settings.kafka_bootstrap_servers, settings.schema_registry_url, ledger) as producer,
            progress("history") as report,
        ):
            first = continuation.world.config.start_us

            def say(event: Event, sent: int) -> None:
                report((event.event_us - first) / (end_us - first), f"{sent:,} messages, {iso(event.event_us)[:10]}")

            sent = feed(producer, continuation.events(end_us), stop, say)
            report(1.0, f"{sent:,} messages")
        line = summary(
            producer.deliveries,
            ledger.run_id,
            time.monotonic() - begun,
            start=iso(first),
            end=iso(end_us),
            seed=wanted.seed,
            customers=wanted.customers,
            interrupted=stop.requested,
        )
    typer.echo(line)
    producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    if not sent:
        typer.echo(f"{TRANSACTIONS.name} reaches {iso(end_us)} already: nothing was sent", err=True)


def simulation_config(
    settings: Settings,
    start_us: int,
    transactions: int | None,
    end_us: int,
    customers: int | None,
    seed: int | None,
    fraud_rate: float | None,
) -> SimulationConfig:
    """The simulation of these options; what is not given comes from the environment.

    Raises:
        SettingsError: a value is out of its range.
    """
    try:
        return SimulationConfig(
            start_us=start_us,
            seed=settings.fraud_producer_seed if seed is None else seed,
            customers=settings.customer_pool_size if customers is None else customers,
            transactions_per_day=DEFAULT_PER_DAY
            if transactions is None
            else transactions * DAY_US / (end_us - start_us),
            fraud_rate=settings.fraud_rate if fraud_rate is None else fraud_rate,
        )
    except ValueError as wrong:
        raise SettingsError(str(wrong)) from None
