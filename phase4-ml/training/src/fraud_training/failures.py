"""What a person at the terminal reads when a command cannot do its work: one sentence and the remedy."""

import requests
import trino
from mlflow.exceptions import MlflowException

from fraud_features.settings import FeatureSettingsError
from fraud_training.errors import TrainingError


def explain(error: Exception) -> str | None:
    """The sentence for a failure that can be expected; ``None`` for one that is a fault of ours."""
    match error:
        case TrainingError() | FeatureSettingsError():
            return str(error)
        case MlflowException():
            return f"MLflow refused or did not answer ({_line(error)}): run `make start SERVICE=mlflow`."
        case trino.exceptions.Error() | trino.exceptions.HttpError():
            return f"Trino refused or did not answer ({_line(error)}): run `make start SERVICE=trino`."
        case requests.RequestException():
            return f"Trino or MLflow went away ({type(error).__name__}): look at `make status`."
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
