"""What the user of `make demo` may choose."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user chose; the defaults are the published demo."""

    data: Path | None = None
    mapping: Path | None = None
    fresh: bool = False
    end: datetime | None = None
    days: int = 60
    customers: int | None = None
    transactions: int = 300_000
    fraud_rate: float | None = None
    live_seconds: int = 60
    live_rate: float = 20.0
    # bring phase 5 up at the end
    watched: bool = False
