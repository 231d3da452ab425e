"""``GET /health`` and ``GET /metrics``: open to whoever reaches the loopback address."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from fraud_serving import metrics
from fraud_serving.breaker import BreakerState
from fraud_serving.dependencies import DecisionsDependency, FeaturesDependency, PredictorDependency
from fraud_serving.errors import FeatureStoreError, RecordStoreError

router = APIRouter(tags=["health"])


class Part(BaseModel):
    """One thing that a payment depends on; ``remedy`` is there when it is broken."""

    status: Literal["up", "degraded", "down"]
    detail: str
    remedy: str | None = None


class Health(BaseModel):
    """``ok``: everything is used; ``degraded``: payments are decided, with less; ``down``: they are refused."""

    status: Literal["ok", "degraded", "down"]
    mode: Literal["full", "no_model", "no_features"]
    broken: list[str]
    parts: dict[str, Part]


@router.get("/health", response_model=Health, response_model_exclude_none=True, responses={503: {"model": Health}})
async def health(
    response: Response,
    predictor: PredictorDependency,
    features: FeaturesDependency,
    decisions: DecisionsDependency,
) -> Health:
    """Names what is broken and what to do; 503 only when payments cannot be decided."""
    postgres, redis = await asyncio.gather(_postgres(decisions), _redis(features))
    parts = {"postgres": postgres, "redis": redis, "model": _model(predictor), "registry": _registry(predictor)}
    broken = [name for name, part in parts.items() if part.status != "up"]
    if postgres.status == "down":
        response.status_code = 503
    return Health(
        status="down" if postgres.status == "down" else "degraded" if broken else "ok",
        mode="no_features" if redis.status == "down" else "full" if predictor.model else "no_model",
        broken=broken,
        parts=parts,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def read_metrics() -> Response:
    """Prometheus exposition."""
    body, content_type = metrics.exposition()
    # The header as a whole: Starlette would add a second charset.
    return Response(body, headers={"Content-Type": content_type})


async def _postgres(decisions: Any) -> Part:
    try:
        await decisions.ping()
    except RecordStoreError as error:
        return Part(
            status="down", detail=error.detail, remedy="make start SERVICE=postgres, then make logs SERVICE=postgres"
        )
    return Part(status="up", detail="decisions are recorded")


async def _redis(features: Any) -> Part:
    try:
        await features.ping()
    except FeatureStoreError as error:
        return Part(status="down", detail=f"{error}; rules decide", remedy="make start SERVICE=redis")
    if features.breaker_state is not BreakerState.CLOSED:
        return Part(status="degraded", detail="answers again; the next payment tries it")
    return Part(status="up", detail="online features are read")


def _model(predictor: PredictorDependency) -> Part:
    state = predictor.status
    if state.rejected is not None:
        detail = f"refused {state.rejected}; " + (f"version {state.version} stays" if state.version else "rules decide")
        return Part(status="degraded" if state.version else "down", detail=detail, remedy="run make ml-train")
    if state.version is None:
        return Part(status="down", detail="no champion; rules decide", remedy="run make ml-train")
    return Part(status="up", detail=f"version {state.version}, sha256 {state.digest}")


def _registry(predictor: PredictorDependency) -> Part:
    if predictor.status.registry_reachable:
        return Part(status="up", detail="promotions are followed")
    return Part(
        status="degraded",
        detail="MLflow does not answer; the last good model is served",
        remedy="make start SERVICE=mlflow",
    )
