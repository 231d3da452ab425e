"""Which fraud scenarios there are, and how much of all fraud each makes up unless the settings say otherwise."""

from collections.abc import Mapping
from typing import Final

# Shares of fraudulent payments; they add up to one.
DEFAULT_SHARES: Final[Mapping[str, float]] = {
    "card_testing": 0.13,
    "velocity_burst": 0.11,
    "impossible_travel": 0.10,
    "account_takeover": 0.12,
    "compromised_merchant": 0.08,
    "quiet_misuse": 0.02,
    "card_not_present_spike": 0.09,
    "brute_force_login": 0.06,
    "structuring": 0.04,
    "shared_device_ring": 0.07,
    "compromised_terminal": 0.05,
    "merchant_fraud": 0.05,
    "mule_account": 0.04,
    "bust_out": 0.04,
}
MAX_WEIGHT: Final = 1000


def shares_of_fraud(weights: Mapping[str, float]) -> dict[str, float]:
    """The share of each scenario in all fraudulent payments; they add up to one.

    Args:
        weights: what replaces a scenario's default; 0 leaves it out. All are taken relative to their sum.

    Raises:
        ValueError: a name is no scenario's, a weight is no number from 0 to ``MAX_WEIGHT``, or nothing is left.
    """
    for name, weight in weights.items():
        if name not in DEFAULT_SHARES:
            raise ValueError(f"scenario shares name {name!r}: use {', '.join(DEFAULT_SHARES)}")
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight <= MAX_WEIGHT:
            raise ValueError(f"scenario share of {name} is {weight!r}: use a number from 0 to {MAX_WEIGHT}")
    merged = {**DEFAULT_SHARES, **weights}
    total = sum(merged.values())
    if not total:
        raise ValueError("all scenario shares are 0: leave one above it, or set the fraud rate to 0")
    return {name: weight / total for name, weight in merged.items()}
