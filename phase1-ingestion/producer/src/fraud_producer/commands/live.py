"""Commands that send live payments."""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from fraud_contracts import TRANSACTIONS
from fraud_producer.commands.options import (
    Customers,
    DataFile,
    FraudRate,
    MappingFile,
    Rate,
    Seed,
    file_source,
    last_full_hour_us,
    moment_us,
    simulation_config,
)
from fraud_producer.commands.sending import sending
from fraud_producer.events import as_json, iso
from fraud_producer.feeding import feed_at_rate
from fraud_producer.live_events import live_events, read_all_positions
from fraud_producer.settings import Settings, load_api_settings, load_settings
from fraud_producer.simulator import SimulationConfig
from fraud_producer.stopping import Stop
from fraud_producer.traffic import ScoringApi, drive

From = Annotated[
    str | None, typer.Option("--from", help="First event time, ISO 8601. [default: right after the topic's newest]")
]


def live(
    from_: From = None,
    seconds: Annotated[float, typer.Option(min=0.001, help="Together with the rate: how many payments.")] = 60.0,
    rate: Rate = None,
    output: Annotated[str, typer.Option(help="File for the payments, one JSON line each; - is standard output.")] = "-",
    produce: Annotated[bool, typer.Option(help="Send them to Kafka too, at the rate.")] = False,
    data: DataFile = None,
    mapping: MappingFile = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """Write the next live payments as JSON lines, without sending them unless asked to."""
    settings = load_settings().with_flags(
        transaction_rate=rate, customer_pool_size=customers, fraud_producer_seed=seed, fraud_rate=fraud_rate
    )
    wanted = _wanted(settings, from_)
    per_second = settings.transaction_rate
    coming = live_events(settings, wanted, _from_us(from_), file_source(data, mapping))
    payments = (event for event in coming if event.topic is TRANSACTIONS)
    count = max(1, round(seconds * per_second))
    chosen = list(islice(payments, count))
    lines = "".join(json.dumps(as_json(event.record)) + "\n" for event in chosen)
    if output == "-":
        sys.stdout.write(lines)
    else:
        Path(output).write_text(lines, encoding="utf-8")
    if not produce:
        return
    with Stop() as stop, sending(settings) as run:
        feed_at_rate(run.producer, chosen, stop, per_second)
    typer.echo(run.summary(), err=True)
    run.producer.require_complete()


def traffic(
    from_: From = None,
    seconds: Annotated[float, typer.Option(min=0.001, help="How long to send.")] = 60.0,
    rate: Annotated[float, typer.Option(min=0.001, help="Payments per second, at most.")] = 20.0,
    api_url: Annotated[str | None, typer.Option(help="Address of the scoring API. [default: API_URL]")] = None,
    api_key_env: Annotated[
        str, typer.Option(help="Environment variable that holds the bearer key.")
    ] = "FRAUD_SERVING_API_KEY",
    output: Annotated[Path | None, typer.Option(help="Write the result to this file too.")] = None,
    data: DataFile = None,
    mapping: MappingFile = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """Post live payments to /predict, then produce each to Kafka, one after another in event-time order.

    Prints one JSON object at the end.
    """
    settings = load_settings().with_flags(customer_pool_size=customers, fraud_producer_seed=seed, fraud_rate=fraud_rate)
    target = load_api_settings(api_url, api_key_env)
    wanted = _wanted(settings, from_)
    # the history may have brought labels, and what else happened, after its last payment
    positions = read_all_positions(settings)
    coming = live_events(settings, wanted, _from_us(from_), file_source(data, mapping))
    events = (event for event in coming if event.topic is TRANSACTIONS or not positions[event.topic.name].holds(event))
    with (
        Stop() as stop,
        sending(settings) as run,
        ScoringApi(target.api_url, target.fraud_serving_api_key.get_secret_value()) as api,
    ):
        api.require_up()
        result = drive(events, api, run.producer, stop, rate, seconds)
    ids_file = settings.fraud_producer_ledger_dir.parent / "traffic" / f"{run.run_id}.txt"
    ids_file.parent.mkdir(parents=True, exist_ok=True)
    ids_file.write_text("".join(f"{name}\n" for name in result.transaction_ids), encoding="utf-8")
    p50, p99 = result.percentile(0.50), result.percentile(0.99)
    line = json.dumps(
        {
            "requests": result.requests,
            "errors": result.errors,
            "p50_ms": None if p50 is None else round(p50, 2),
            "p99_ms": None if p99 is None else round(p99, 2),
            "first_event_time": None if result.first_event_us is None else iso(result.first_event_us),
            "last_event_time": None if result.last_event_us is None else iso(result.last_event_us),
            "produced": dict(sorted(run.producer.deliveries.acknowledged.items())),
            "first_error": result.first_error or None,
            "transaction_ids_file": str(ids_file),
            "ledger_run": run.run_id,
        }
    )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(line + "\n", encoding="utf-8")
    typer.echo(line)
    run.producer.require_complete()
    if stop.requested:
        raise typer.Exit(stop.exit_code)


def _from_us(text: str | None) -> int | None:
    return moment_us(text, "--from") if text else None


def _wanted(settings: Settings, from_: str | None) -> SimulationConfig:
    """The simulation that starts where nothing was remembered: at the first moment asked for."""
    start_us = _from_us(from_)
    return simulation_config(settings, last_full_hour_us() if start_us is None else start_us)
