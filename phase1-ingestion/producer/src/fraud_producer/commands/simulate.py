"""The command that simulates: a history, a stream or a burst."""

from enum import StrEnum
from typing import Annotated

import typer

from fraud_producer.commands import options
from fraud_producer.commands.history import Span, send_history
from fraud_producer.commands.menu import menu
from fraud_producer.commands.options import (
    AlertQueueSize,
    AlertRate,
    AlertWorkers,
    CardRate,
    Customers,
    Duration,
    FraudRate,
    KycRate,
    LoginRate,
    MinuteTick,
    Rate,
    ScenarioShares,
    Seed,
    StructuringThreshold,
    is_interactive,
)
from fraud_producer.commands.sending import watchable
from fraud_producer.commands.streaming import Clock, Live, send_live, send_live_as_a_service
from fraud_producer.settings import load_settings
from fraud_producer.stopping import Stop


class Mode(StrEnum):
    """What is simulated: a history up to an end, a stream at a rate, or a burst as fast as it goes."""

    BATCH = "batch"
    STREAM = "stream"
    BURST = "burst"


# What only makes sense in some modes.
_BATCH_ONLY = ("end", "start", "transactions")
_LIVE_ONLY = ("rate", "clock", "duration", "count", "alert_workers", "alert_queue_size")
_STREAM_ONLY = ("rate", "clock", "minute_tick")
_BURST_SECONDS = 10.0

Days = Annotated[int, typer.Option(min=1, help="Days of history; live, how far back to begin when nothing is there.")]
TheClock = Annotated[
    Clock, typer.Option(help="A stream's simulated clock: as fast as the rate makes it, or like a real one.")
]


def simulate(
    context: typer.Context,
    mode: Annotated[Mode, typer.Option(help="A history up to an end, a stream, or as fast as possible.")] = Mode.BATCH,
    days: Days = 60,
    end: Annotated[str | None, typer.Option(help="Where history ends, ISO 8601. [default: the last full hour]")] = None,
    start: Annotated[str | None, typer.Option(help="Where it begins; instead of --days.")] = None,
    transactions: Annotated[int | None, typer.Option(min=1, help="Payments in all. [default: 5000 a day]")] = None,
    rate: Rate = None,
    clock: TheClock = Clock.RATE,
    duration: Duration = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many payments, live.")] = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
    scenario_shares: ScenarioShares = None,
    structuring_threshold: StructuringThreshold = None,
    login_rate: LoginRate = None,
    card_rate: CardRate = None,
    kyc_rate: KycRate = None,
    alert_rate: AlertRate = None,
    alert_workers: AlertWorkers = None,
    alert_queue_size: AlertQueueSize = None,
    minute_tick: MinuteTick = None,
) -> None:
    """Send a simulated world: payments, labels, sign-ins, card events, profile changes and external alerts.

    batch: history as fast as possible, up to its end, the same whenever it is sent. stream: live, at a rate. burst:
    live, as fast as the broker takes it, for --duration seconds (10) or --count payments. Running it again goes on
    where the topics end, without a gap and without a repetition. On a terminal without any option it asks.
    """
    given = [name for name in context.params if _is_given(context, name)]
    if not given and is_interactive():
        menu()
        return
    _refuse_misplaced(mode, given)
    settings = load_settings().with_flags(
        transaction_rate=rate,
        customer_pool_size=customers,
        fraud_producer_seed=seed,
        fraud_rate=fraud_rate,
        scenario_shares=options.scenario_shares(scenario_shares),
        structuring_threshold=structuring_threshold,
        login_rate=login_rate,
        card_rate=card_rate,
        kyc_rate=kyc_rate,
        alert_rate=alert_rate,
        alert_workers=alert_workers,
        alert_queue_size=alert_queue_size,
        minute_tick_enabled=minute_tick,
    )
    if mode is Mode.BATCH:
        with watchable(settings):
            send_history(settings, Span(days, end, start, transactions))
        return
    with Stop() as stop:
        if mode is Mode.BURST:
            seconds = _BURST_SECONDS if duration is None and count is None else duration
            with watchable(settings):
                send_live(settings, Live(Clock.FAST, days, seconds, count), stop)
        else:
            send_live_as_a_service(settings, Live(clock, days, duration, count), stop)


def stream(
    rate: Rate = None,
    days: Days = 60,
    duration: Duration = None,
    customers: Customers = None,
    seed: Seed = None,
    fraud_rate: FraudRate = None,
) -> None:
    """The same as `simulate --mode stream`: what the producer service runs.

    The simulated clock is as fast as the rate makes it: a world of 5,000 payments a day passes 72 days an hour at 100
    payments a second.
    """
    settings = load_settings().with_flags(
        transaction_rate=rate, customer_pool_size=customers, fraud_producer_seed=seed, fraud_rate=fraud_rate
    )
    with Stop() as stop:
        send_live_as_a_service(settings, Live(Clock.RATE, days, duration), stop)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse_misplaced(mode: Mode, given: list[str]) -> None:
    misplaced = {
        Mode.BATCH: {*_LIVE_ONLY, *_STREAM_ONLY},
        Mode.STREAM: set(_BATCH_ONLY),
        Mode.BURST: {*_BATCH_ONLY, *_STREAM_ONLY},
    }[mode]
    for name in given:
        if name in misplaced:
            raise typer.BadParameter(f"it has no meaning with --mode {mode}", param_hint=f"--{name.replace('_', '-')}")
