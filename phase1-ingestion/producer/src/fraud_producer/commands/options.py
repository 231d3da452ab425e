"""Options that several commands share, and how texts of the command line become values."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fraud_producer.events import to_us

Seed = Annotated[int | None, typer.Option(help="Seed of the simulated world. [default: FRAUD_PRODUCER_SEED]")]
Customers = Annotated[int | None, typer.Option(help="Number of users. [default: CUSTOMER_POOL_SIZE]")]
FraudRate = Annotated[float | None, typer.Option(help="Share of fraudulent payments. [default: FRAUD_RATE]")]
Rate = Annotated[float | None, typer.Option(help="Payments per second. [default: TRANSACTION_RATE]")]
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
