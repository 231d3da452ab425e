"""What a simulation is a pure function of."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final, Self

from fraud_producer.events import EPOCH

DAY_US: Final = 86_400_000_000
DEFAULT_PER_DAY: Final = 5000.0
# A payment's last label (a late chargeback that is corrected once more) is known at most this many days after it.
LABEL_HORIZON_DAYS: Final = 45


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """Settings of one simulated world.

    Two configurations that are equal produce the same payments and labels for the same instants, whatever part of the
    time is asked for first. ``start_us`` only says since when payments exist: labels of earlier ones are left out.

    Raises:
        ValueError: a setting is out of its range.
    """

    start_us: int
    seed: int = 7
    customers: int = 2000
    transactions_per_day: float = DEFAULT_PER_DAY
    fraud_rate: float = 0.006

    def __post_init__(self) -> None:
        if self.customers < 10:
            raise ValueError(f"customers is {self.customers}: use at least 10")
        if not 0 < self.transactions_per_day <= 900_000:
            raise ValueError(f"transactions per day is {self.transactions_per_day:g}: use more than 0, up to 900000")
        if not 0 <= self.fraud_rate <= 0.2:
            raise ValueError(f"fraud rate is {self.fraud_rate:g}: use a share between 0 and 0.2")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: use 0 or more")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as stored beside the ledger."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration that ``as_dict`` made."""
        return cls(**values)


def day_of(moment_us: int) -> int:
    """Number of the UTC day, counted from 1970."""
    return moment_us // DAY_US


def date_of(day: int) -> date:
    """Calendar date of a day number."""
    return (EPOCH + timedelta(days=day)).date()
