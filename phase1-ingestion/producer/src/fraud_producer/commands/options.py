"""Options that several commands share, and how texts of the command line become values."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

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
Rate = Annotated[float | None, typer.Option(min=0.001, help="Payments per second. [default: TRANSACTION_RATE]")]
DataFile = Annotated[
    Path | None,
    typer.Option("--data", exists=True, dir_okay=False, help="Take payments from this file; needs --mapping."),
]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", exists=True, dir_okay=False, help="Which column of the file is what.")
]


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


def simulation_config(
    settings: Settings,
    start_us: int,
    *,
    per_day: float = DEFAULT_PER_DAY,
    customers: int | None = None,
    seed: int | None = None,
    fraud_rate: float | None = None,
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
            transactions_per_day=per_day,
            fraud_rate=settings.fraud_rate if fraud_rate is None else fraud_rate,
        )
    except ValueError as wrong:
        raise SettingsError(str(wrong)) from None
