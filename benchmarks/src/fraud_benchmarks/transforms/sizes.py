"""How long the histories are, and the simulated worlds that they are taken from."""

from dataclasses import dataclass, replace
from typing import Final

from fraud_benchmarks.errors import BenchmarkError
from fraud_producer.simulator.config import DAY_US, MAX_PER_DAY, SimulationConfig

DAYS: Final = 30
HOUR_US: Final = DAY_US // 24
# Noon of 31 March 2026: the hours after it are busy ones, in the middle of a day that has to be computed again.
END_US: Final = 20_543 * DAY_US + 12 * HOUR_US
# as often as customers of a demo's world pay
PAYMENTS_OF_A_CUSTOMER: Final = 2.5
SEED: Final = 7
ROWS: Final = 5_000_000
SMALL_ROWS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Payments of the long history, which covers 30 days, and of the short one, which covers its last days.

    Both are of one world and end at the same moment, so that the hour which is added to them is the same.

    Raises:
        BenchmarkError: the simulator cannot make so many, or the short one is not shorter.
    """

    rows: int = ROWS
    small_rows: int = SMALL_ROWS

    def __post_init__(self) -> None:
        if not 0 < self.rows <= MAX_PER_DAY * DAYS:
            raise BenchmarkError(f"rows is {self.rows}: use more than 0, up to {MAX_PER_DAY * DAYS}")
        if not 0 < self.small_rows < self.rows:
            raise BenchmarkError(f"small rows is {self.small_rows}: use more than 0, fewer than the {self.rows} of all")

    @property
    def are_standard(self) -> bool:
        """Whether targets hold for them."""
        return self == Sizes()

    def long(self) -> SimulationConfig:
        """The world of the long history; payments begin where it begins, and there is nothing but them and labels."""
        per_day = self.rows / DAYS
        return SimulationConfig(
            start_us=END_US - DAYS * DAY_US,
            seed=SEED,
            customers=max(10, round(per_day / PAYMENTS_OF_A_CUSTOMER)),
            transactions_per_day=per_day,
            login_rate=0,
            card_rate=0,
            kyc_rate=0,
            alert_rate=0,
        )

    def short(self) -> SimulationConfig:
        """The same world, in which payments begin later."""
        return replace(self.long(), start_us=END_US - round(DAYS * DAY_US * self.small_rows / self.rows))
