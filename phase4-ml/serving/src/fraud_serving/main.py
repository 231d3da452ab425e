"""The scoring API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fraud_features import FeatureSettings
from fraud_serving import problems
from fraud_serving.decisions import DecisionRepository
from fraud_serving.dependencies import Connections
from fraud_serving.feature_client import FeatureClient
from fraud_serving.health.endpoints import router as health_router
from fraud_serving.limits import RequestLimits
from fraud_serving.predictions.endpoints import router as predictions_router
from fraud_serving.predictions.service import PredictionService
from fraud_serving.predictor import Predictor
from fraud_serving.request_counts import RequestCounts
from fraud_serving.settings import Settings

DESCRIPTION = """
Scores a payment before it is authorised. Every answer has a durable record, and asking again with the same
`transaction_id` gives the same answer. `mode` says what the decision was made with: `full`, `no_model` (there is no
champion yet: run `make ml-train`), `no_features` (Redis does not answer) or `no_profiles` (Redis has no profile of the
payment's day: an older one is not used).
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; nothing is connected before it starts.

    Raises:
        SettingsError: the bearer key, the database's address or its password is missing or unsafe.
    """
    settings = (settings or Settings()).require_api_key().require("postgres_host", "api_db_password")
    feature_settings = FeatureSettings.from_env()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Connections]:
        async with (
            DecisionRepository(settings) as decisions,
            FeatureClient(settings, feature_settings) as features,
            Predictor(settings, feature_settings) as predictor,
        ):
            predictions = PredictionService(predictor, features, decisions, feature_settings)
            yield {"predictor": predictor, "features": features, "decisions": decisions, "predictions": predictions}

    app = FastAPI(title="fraud-watch scoring", version="1", description=DESCRIPTION, lifespan=lifespan, redoc_url=None)
    app.state.api_key = settings.api_key.get_secret_value().encode()
    problems.install(app)
    app.include_router(predictions_router)
    app.include_router(health_router)
    app.add_middleware(RequestLimits)
    # the one added last is the outermost: it sees what the bounds refuse
    app.add_middleware(RequestCounts)
    return app
