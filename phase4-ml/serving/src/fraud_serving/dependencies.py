"""What endpoints may ask for, named once."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from fraud_serving.auth import require_api_key
from fraud_serving.decisions import DecisionRepository
from fraud_serving.feature_client import FeatureClient
from fraud_serving.predictions.schemas import PredictRequest
from fraud_serving.predictions.service import PredictionService
from fraud_serving.predictor import Predictor


class Connections(TypedDict):
    """What ``lifespan`` opens and closes; Starlette hands it to each request as ``request.state``."""

    predictor: Predictor
    features: FeatureClient
    decisions: DecisionRepository
    predictions: PredictionService


def _predictor(request: Request) -> Predictor:
    predictor: Predictor = request.state.predictor
    return predictor


def _features(request: Request) -> FeatureClient:
    features: FeatureClient = request.state.features
    return features


def _decisions(request: Request) -> DecisionRepository:
    decisions: DecisionRepository = request.state.decisions
    return decisions


def _predictions(request: Request) -> PredictionService:
    predictions: PredictionService = request.state.predictions
    return predictions


async def _payment(request: Request) -> PredictRequest:
    """The body, whatever Content-Type a shell's curl put on it.

    Raises:
        RequestValidationError: it is no JSON, or does not fit the schema.
    """
    try:
        return PredictRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from error


Authorised = Depends(require_api_key)
PredictorDependency = Annotated[Predictor, Depends(_predictor)]
FeaturesDependency = Annotated[FeatureClient, Depends(_features)]
DecisionsDependency = Annotated[DecisionRepository, Depends(_decisions)]
PredictionsDependency = Annotated[PredictionService, Depends(_predictions)]
Payment = Annotated[PredictRequest, Depends(_payment)]
