"""What a simulation is a pure function of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Self

from fraud_producer.events import EPOCH
from fraud_producer.simulator.shares import shares_of_fraud

DAY_US: Final = 86_400_000_000
DEFAULT_PER_DAY: Final = 5000.0
# ids have six digits for a day's payments
MAX_PER_DAY: Final = 900_000
# A payment's last label (a late chargeback that is corrected once more) is known at most this many days after it.
LABEL_HORIZON_DAYS: Final = 45
# Beyond it a customer would change everything every month.
MAX_KIND_RATE: Final = 10.0
# Raised whenever equal configurations begin to give other events: topics that hold an earlier world end with ids that
# the new one would give to other payments.
WORLD_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """Settings of one simulated world.

    Two configurations that are equal produce the same payments and labels for the same instants, whatever part of the
    time is asked for first. ``start_us`` only says since when payments exist: labels of earlier ones are left out.
    ``login_rate``, ``card_rate``, ``kyc_rate`` and ``alert_rate`` are factors on how many events of the kind honest
    life brings (and, of alerts, fraud as well); 1 is the natural number, 0 sends none of the kind at all.

    ``structuring_threshold`` is the amount in the base currency from which a transfer has to be reported: structuring
    stays just below it, and so do some honest people. ``scenario_shares`` replaces the weights of fraud scenarios by
    name (``shares.DEFAULT_SHARES``); 0 leaves one out.

    Raises:
        ValueError: a setting is out of its range.
    """

    start_us: int
    seed: int = 7
    customers: int = 2000
    transactions_per_day: float = DEFAULT_PER_DAY
    fraud_rate: float = 0.01
    login_rate: float = 1.0
    card_rate: float = 1.0
    kyc_rate: float = 1.0
    alert_rate: float = 1.0
    structuring_threshold: float = 10_000.0
    scenario_shares: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.customers < 10:
            raise ValueError(f"customers is {self.customers}: use at least 10")
        if not 0 < self.transactions_per_day <= MAX_PER_DAY:
            raise ValueError(
                f"transactions per day is {self.transactions_per_day:g}: use more than 0, up to {MAX_PER_DAY}"
            )
        if not 0 <= self.fraud_rate <= 0.2:
            raise ValueError(f"fraud rate is {self.fraud_rate:g}: use a share between 0 and 0.2")
        for name in ("login_rate", "card_rate", "kyc_rate", "alert_rate"):
            if not 0 <= getattr(self, name) <= MAX_KIND_RATE:
                kind = name.replace("_", " ")
                raise ValueError(f"{kind} is {getattr(self, name):g}: use a factor from 0 to {MAX_KIND_RATE:g}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: use 0 or more")
        if not 100 <= self.structuring_threshold <= 1_000_000:
            raise ValueError(f"structuring threshold is {self.structuring_threshold:g}: use 100 to 1000000")
        shares_of_fraud(self.scenario_shares)

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
