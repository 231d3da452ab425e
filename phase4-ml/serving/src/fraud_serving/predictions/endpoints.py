"""``POST /predict``."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from fraud_serving.dependencies import Authorised, Payment, PredictionsDependency
from fraud_serving.predictions.schemas import PredictRequest, PredictResponse
from fraud_serving.predictions.service import answer
from fraud_serving.problems import problem_responses

router = APIRouter(tags=["predictions"])

# The body is read by a dependency (see there), so OpenAPI is told about it here.
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": PredictRequest.model_json_schema()}}}
}


@router.post(
    "/predict",
    response_model=PredictResponse,
    dependencies=[Authorised],
    openapi_extra=_BODY,
    responses=problem_responses(400, 401, 408, 409, 413, 422, 503),
)
async def predict(request: Request, payment: Payment, predictions: PredictionsDependency) -> Response:
    """Decides one payment before it is authorised and records the decision before answering."""
    outcome = await predictions.decide(payment, request.scope["arrived"])
    headers = {"Idempotency-Replayed": "true"} if outcome.replayed else None
    return Response(orjson.dumps(answer(outcome.decision)), media_type="application/json", headers=headers)
