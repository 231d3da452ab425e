"""The two settings that change what a feature means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fraud_features.features import US_PER_DAY, US_PER_HOUR

LAG_VARIABLE: Final = "FRAUD_FEATURES_PROFILE_LAG_HOURS"
MATURITY_VARIABLE: Final = "FRAUD_FEATURES_LABEL_MATURITY_DAYS"


class FeatureSettingsError(ValueError):
    """A variable is no such number; its message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How long profiles wait for the day to settle, and how long labels take to be complete."""

    profile_lag_hours: int = 2
    label_maturity_days: int = 7

    @property
    def profile_lag_us(self) -> int:
        return self.profile_lag_hours * US_PER_HOUR

    @property
    def label_maturity_us(self) -> int:
        return self.label_maturity_days * US_PER_DAY

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "FeatureSettings":
        """Settings of this deployment; a variable that is absent or empty has its default.

        Raises:
            FeatureSettingsError: a variable is not a whole number of at least 0 (the lag: at most 23 hours).
        """
        env = os.environ if environ is None else environ
        lag = _whole_number(env, LAG_VARIABLE, cls().profile_lag_hours)
        if lag > 23:
            raise FeatureSettingsError(f"{LAG_VARIABLE} must be at most 23 hours, not {lag}: correct it in .env")
        return cls(lag, _whole_number(env, MATURITY_VARIABLE, cls().label_maturity_days))


def _whole_number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal():
        raise FeatureSettingsError(f"{name} must be a whole number of at least 0, not {text!r}: correct it in .env")
    return int(text)
