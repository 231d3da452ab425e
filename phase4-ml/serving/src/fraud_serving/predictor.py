"""Serves the champion: loads it, follows the registry, and never swaps in a model that fails a check."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import httpx

from fraud_features import FeatureSettings, schema_hash
from fraud_serving import metrics
from fraud_serving.errors import ModelRejectedError
from fraud_serving.model_bundle import Bundle, BundleStore, Model
from fraud_serving.model_registry import ChampionVersion, ModelRegistry
from fraud_serving.settings import Settings

# The start waits this long for a first look at the registry: a model that is there serves the first payment too.
FIRST_LOOK_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PredictorStatus:
    """What ``/health`` says about the model."""

    version: str | None
    digest: str | None
    registry_reachable: bool
    rejected: str | None


class Predictor:
    """Holds the model that is served now; :attr:`model` is replaced in one step, never changed."""

    def __init__(self, settings: Settings, feature_settings: FeatureSettings) -> None:
        self._registry = ModelRegistry(settings.mlflow_tracking_uri) if settings.mlflow_tracking_uri else None
        self._store = BundleStore(settings.var_dir / "models")
        self._schema_hash = schema_hash(feature_settings)
        self._poll_seconds = settings.model_poll_seconds
        self._task: asyncio.Task[None] | None = None
        self._seen: ChampionVersion | None = None
        self._registry_reachable = False
        self._rejected: str | None = None
        self.model: Model | None = None

    async def __aenter__(self) -> Self:
        await self._load_last_good()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.look(), FIRST_LOOK_SECONDS)
        self._publish()
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._registry is not None:
            await self._registry.aclose()

    @property
    def status(self) -> PredictorStatus:
        model = self.model
        return PredictorStatus(
            version=model.version if model else None,
            digest=model.digest if model else None,
            registry_reachable=self._registry_reachable,
            rejected=self._rejected,
        )

    async def look(self) -> None:
        """Looks at the registry once and serves its champion if it is new and passes every check."""
        if self._registry is None:
            return
        try:
            champion = await self._registry.champion()
            self._registry_reachable = True
            if champion is None:
                await self._retire()
            elif champion != self._seen:
                await self._adopt(champion, await self._registry.download(champion))
        except httpx.HTTPError as error:
            if self._registry_reachable:
                logger.warning("the model registry does not answer (%s); the present model stays", type(error).__name__)
            self._registry_reachable = False
        except ModelRejectedError as error:
            self._reject(str(error))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.look()
            except Exception:
                # Nothing may end this loop: a service that stops following promotions shows no other sign of it.
                logger.exception("looking at the model registry failed")
            self._publish()

    async def _adopt(self, champion: ChampionVersion, bundle: Bundle) -> None:
        try:
            # Reading a forest and scoring golden rows takes a while: payments go on being scored meanwhile.
            model = await asyncio.to_thread(Model.load, bundle, self._schema_hash)
        except ModelRejectedError as error:
            self._seen = champion  # the same files will not get better: do not fetch them at every look
            self._reject(f"version {champion.version}: {error}")
            return
        self.model = model
        self._seen = champion
        self._rejected = None
        logger.info("serving model version %s (%s)", model.version, model.digest[:12])
        try:
            await asyncio.to_thread(self._store.save, bundle)
        except OSError:
            logger.exception("the model is served, but could not be kept on disk for the next start")

    async def _retire(self) -> None:
        if self.model is not None:
            logger.warning("the registry has no champion any more: rules decide")
        self.model = None
        self._seen = None
        self._rejected = None
        await asyncio.to_thread(self._store.forget)

    async def _load_last_good(self) -> None:
        bundle = await asyncio.to_thread(self._store.read)
        if bundle is None:
            return
        try:
            self.model = await asyncio.to_thread(Model.load, bundle, self._schema_hash)
        except ModelRejectedError as error:
            self._reject(f"the model kept on disk: {error}")
            return
        logger.info("serving model version %s from disk until the registry answers", self.model.version)

    def _reject(self, why: str) -> None:
        if why != self._rejected:
            metrics.MODEL_REJECTIONS.inc()
            logger.error("model not served: %s", why)
        self._rejected = why

    def _publish(self) -> None:
        version = self.model.version if self.model else "0"
        metrics.MODEL_VERSION.set(int(version) if version.isdigit() else 0)
