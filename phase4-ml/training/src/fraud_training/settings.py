"""Settings of the training commands, read from the environment (names as in ``.env.example``)."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraud_training.drift import Bounds
from fraud_training.errors import TrainingError
from fraud_training.retraining import Rule
from fraud_training.thresholds import Costs

_REMEDY = "`make setup` writes .env; start this command through make, which fills in the endpoints."


class Settings(BaseSettings):
    """Endpoints and rules of training and promotion; each field is the variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore")

    trino_url: str = ""
    mlflow_tracking_uri: str = ""
    label_maturity_days: int = Field(default=7, validation_alias="FRAUD_FEATURES_LABEL_MATURITY_DAYS", ge=0)
    promotion_min_auc: float | None = Field(default=None, ge=0, le=1)
    false_positive_cost: float = Field(default=5.0, validation_alias="FRAUD_TRAINING_FALSE_POSITIVE_COST", ge=0)
    alerts_per_day: int = Field(default=100, validation_alias="FRAUD_TRAINING_ALERTS_PER_DAY", ge=1)
    s3_bucket: str = ""
    drift_notice: float = Field(default=0.1, validation_alias="FRAUD_TRAINING_DRIFT_NOTICE", gt=0)
    drift_bound: float = Field(default=0.25, validation_alias="FRAUD_TRAINING_DRIFT_BOUND", gt=0)
    drift_days: int = Field(default=7, validation_alias="FRAUD_TRAINING_DRIFT_DAYS", ge=1)
    drifted_features: int = Field(default=10, validation_alias="FRAUD_TRAINING_DRIFTED_FEATURES", ge=1)
    least_performance: float = Field(default=0.8, validation_alias="FRAUD_TRAINING_LEAST_PERFORMANCE", ge=0, le=1)
    oldest_model_days: float = Field(default=30, validation_alias="FRAUD_TRAINING_OLDEST_MODEL_DAYS", gt=0)
    rest_days: float = Field(default=3, validation_alias="FRAUD_TRAINING_REST_DAYS", ge=0)
    search: bool = Field(default=True, validation_alias="FRAUD_TRAINING_SEARCH")
    reports: Path | None = Field(default=None, validation_alias="FRAUD_TRAINING_REPORTS_DIR")
    state: Path = Field(default=Path("var"), validation_alias="FRAUD_STATE_DIR")

    @property
    def costs(self) -> Costs:
        """What thresholds are chosen by."""
        return Costs(self.false_positive_cost, self.alerts_per_day)

    @property
    def bounds(self) -> Bounds:
        """What an index of drift means."""
        return Bounds(self.drift_notice, self.drift_bound)

    @property
    def rule(self) -> Rule:
        """What a model is trained for before its turn."""
        return Rule(
            drift=self.drift_bound,
            features=self.drifted_features,
            performance=self.least_performance,
            age_days=self.oldest_model_days,
            rest_days=self.rest_days,
        )

    @property
    def reports_dir(self) -> Path:
        """Where reports are written: ``FRAUD_TRAINING_REPORTS_DIR``, or ``reports`` in the stack's state folder."""
        return self.reports or self.state / "reports"

    @field_validator("promotion_min_auc", "reports", mode="before")
    @classmethod
    def _empty_means_not_given(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings.

        Raises:
            TrainingError: an endpoint is missing or empty, or a rule is not a number in its range.
        """
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise TrainingError(f"{name} is wrong ({first['msg']}): correct it in .env.") from error
        for name in ("trino_url", "mlflow_tracking_uri"):
            if not getattr(settings, name):
                raise TrainingError(f"{name.upper()} is not set. {_REMEDY}")
        # libraries that would call home; an air-gapped machine must not wait for them
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        return settings
