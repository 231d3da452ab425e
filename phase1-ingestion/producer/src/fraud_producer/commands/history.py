"""Filling the topics with simulated history, as fast as the broker takes it."""

from dataclasses import dataclass

import typer

from fraud_contracts import TRANSACTIONS
from fraud_producer.commands.options import last_full_hour_us, moment_us, simulation_config
from fraud_producer.commands.sending import sending
from fraud_producer.continuation import continue_simulation
from fraud_producer.events import Event, iso
from fraud_producer.feeding import feed
from fraud_producer.progress import progress
from fraud_producer.settings import Settings
from fraud_producer.simulator.config import DAY_US, DEFAULT_PER_DAY
from fraud_producer.source import write_source
from fraud_producer.stopping import Stop


@dataclass(frozen=True, slots=True)
class Span:
    """Which time a history covers, as it was asked for; without ``start`` it is ``days`` long."""

    days: int
    end: str | None = None
    start: str | None = None
    transactions: int | None = None

    def bounds_us(self) -> tuple[int, int]:
        """Begin and end in microseconds since 1970.

        Raises:
            typer.BadParameter: a text is no moment, or the end is not after the begin.
        """
        end_us = moment_us(self.end, "--end") if self.end else last_full_hour_us()
        start_us = moment_us(self.start, "--start") if self.start else end_us - self.days * DAY_US
        if start_us >= end_us:
            raise typer.BadParameter(f"history begins at {iso(start_us)}, not before its end {iso(end_us)}")
        return start_us, end_us


def send_history(settings: Settings, span: Span) -> None:
    """Send everything that happens in the span and is not there yet, and say in one line of JSON what was sent."""
    start_us, end_us = span.bounds_us()
    per_day = DEFAULT_PER_DAY if span.transactions is None else span.transactions * DAY_US / (end_us - start_us)
    wanted = simulation_config(settings, start_us, per_day=per_day)
    continuation = continue_simulation(settings, wanted, exactly=True)
    first_us = continuation.world.config.start_us
    with Stop() as stop, sending(settings) as run, progress("history") as report:

        def say(event: Event, sent: int) -> None:
            share = (event.event_us - first_us) / (end_us - first_us)
            report(share, f"{sent:,} messages, {iso(event.event_us)[:10]}")

        sent = feed(run.producer, continuation.events(end_us), stop, say)
        if not stop.requested:
            report(1.0, f"{sent:,} messages")
    line = run.summary(
        start=iso(first_us),
        end=iso(end_us),
        seed=wanted.seed,
        customers=wanted.customers,
        interrupted=stop.requested,
    )
    typer.echo(line)
    run.producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    write_source(settings.fraud_producer_ledger_dir, continuation.world.config, complete=True)
    if not sent:
        typer.echo(f"{TRANSACTIONS.name} reaches {iso(end_us)} already: nothing was sent", err=True)
