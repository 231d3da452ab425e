"""Options that several commands share, and how texts of the command line become values."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from fraud_producer.errors import SettingsError
from fraud_producer.events import to_us
from fraud_producer.settings import Settings
from fraud_producer.simulator import SimulationConfig
from fraud_producer.simulator.config import DEFAULT_PER_DAY
from fraud_producer.source import FileSource

Seed = Annotated[int | None, typer.Option(help="Seed of the simulated world. [default: FRAUD_PRODUCER_SEED]")]
Customers = Annotated[int | None, typer.Option(help="Number of users. [default: CUSTOMER_POOL_SIZE]")]
FraudRate = Annotated[float | None, typer.Option(help="Share of fraudulent payments. [default: FRAUD_RATE]")]
Rate = Annotated[float | None, typer.Option(help="Payments per second of the wall clock. [default: TRANSACTION_RATE]")]
StructuringThreshold = Annotated[
    float | None,
    typer.Option(help="Amount from which a transfer has to be reported. [default: STRUCTURING_THRESHOLD]"),
]
ScenarioShares = Annotated[
    str | None, typer.Option(help='Weights of scenarios, such as {"bust_out": 0}. [default: SCENARIO_SHARES]')
]
LoginRate = Annotated[
    float | None,
    typer.Option(help="Honest sign-ins: factor on their natural number, 0 sends none. [default: LOGIN_RATE]"),
]
CardRate = Annotated[float | None, typer.Option(help="Honest card events: likewise a factor. [default: CARD_RATE]")]
KycRate = Annotated[float | None, typer.Option(help="Honest profile changes: likewise. [default: KYC_RATE]")]
AlertRate = Annotated[
    float | None, typer.Option(help="External alerts, right and wrong ones: likewise. [default: ALERT_RATE]")
]
AlertWorkers = Annotated[
    int | None, typer.Option(help="Threads that look at live payments, 0 for none. [default: ALERT_WORKERS]")
]
AlertQueueSize = Annotated[
    int | None,
    typer.Option(help="Payments that may wait for them; more are not looked at. [default: ALERT_QUEUE_SIZE]"),
]
MinuteTick = Annotated[
    bool | None,
    typer.Option(
        "--minute-tick/--no-minute-tick",
        help="At least one event of each kind per simulated minute, in a stream. [default: MINUTE_TICK_ENABLED]",
    ),
]
Duration = Annotated[float | None, typer.Option("--duration", "--seconds", help="End after so many seconds.")]
DataFile = Annotated[
    Path | None,
    typer.Option("--data", exists=True, dir_okay=False, help="Take payments from this file; needs --mapping."),
]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", exists=True, dir_okay=False, help="Which column of the file is what.")
]


def scenario_shares(text: str | None) -> dict[str, Any] | None:
    """The weights of ``--scenario-shares``.

    Raises:
        typer.BadParameter: the text is no JSON object.
    """
    if text is None:
        return None
    try:
        weights = json.loads(text)
    except ValueError:
        weights = None
    if not isinstance(weights, dict):
        example = '{"velocity_burst": 0.4, "bust_out": 0}'
        raise typer.BadParameter(f"{text!r} is no JSON object such as {example}", param_hint="--scenario-shares")
    return weights


def is_interactive() -> bool:
    """Whether a person sits at both ends of this command."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def moment_us(text: str, option: str) -> int:
    """Microseconds since 1970 of an ISO 8601 text; without an offset it is UTC.

    Raises:
        typer.BadParameter: the text is no moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not ISO 8601, for example 2026-11-21T14:00:00Z", param_hint=option
        ) from None
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def last_full_hour_us() -> int:
    """The last full hour: where a history ends unless told otherwise. Nothing else asks the wall clock for a time."""
    return to_us(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


def file_source(data: Path | None, mapping: Path | None) -> FileSource | None:
    """The file of ``--data`` and ``--mapping``, which come together or not at all."""
    if data is None and mapping is None:
        return None
    if data is None or mapping is None:
        raise typer.BadParameter("--data and --mapping need each other")
    return FileSource(str(data.resolve()), str(mapping.resolve()))


def simulation_config(settings: Settings, start_us: int, *, per_day: float = DEFAULT_PER_DAY) -> SimulationConfig:
    """The simulated world of these settings, flags included.

    Raises:
        SettingsError: a value is out of its range.
    """
    try:
        return SimulationConfig(
            start_us=start_us,
            seed=settings.fraud_producer_seed,
            customers=settings.customer_pool_size,
            transactions_per_day=per_day,
            fraud_rate=settings.fraud_rate,
            login_rate=settings.login_rate,
            card_rate=settings.card_rate,
            kyc_rate=settings.kyc_rate,
            alert_rate=settings.alert_rate,
            structuring_threshold=settings.structuring_threshold,
            scenario_shares=settings.scenario_shares,
        )
    except ValueError as wrong:
        raise SettingsError(str(wrong)) from None
