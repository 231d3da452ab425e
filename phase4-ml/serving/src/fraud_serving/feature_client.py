"""Reads a payment's recent events and profiles from Redis, and adds the payment, in one bounded round trip."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError

from fraud_features import (
    RECENT_SCRIPT,
    FeatureSettings,
    Profiles,
    RecentEvents,
    ScriptCall,
    Transaction,
    UserFeatures,
    compute_features,
    parse_profiles,
    parse_recent,
    profile_keys,
    recent_call,
)
from fraud_features.redis_layout import Mode, payloads_by_entity
from fraud_serving import metrics
from fraud_serving.breaker import BreakerState, CircuitBreaker
from fraud_serving.errors import FeatureStoreError
from fraud_serving.recent_script import SCRIPT_SHA, caught_up_key
from fraud_serving.settings import Settings

# Flags of the answer beside those of the feature package.
HISTORY_INCOMPLETE = "recent_incomplete"
NOT_ADDED = "recent_not_added"
# Turns of the event loop between an answer's arrival and the question's end: reading, parsing, two wake-ups.
GRACE_TURNS = 6

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeatureRead:
    """What is known around one payment, and the vector made of it.

    ``available`` is False when Redis did not answer: the vector then holds the request's own features, everything else
    is named in ``features.missing``.
    """

    features: UserFeatures
    recent: RecentEvents
    profiles: Profiles
    available: bool


class FeatureClient:
    """Online features; :meth:`read` always gives an answer within the configured time."""

    def __init__(self, settings: Settings, feature_settings: FeatureSettings) -> None:
        self._settings = settings
        self._feature_settings = feature_settings
        self._timeout_seconds = settings.redis_timeout_ms / 1000.0
        self._caught_up_key = caught_up_key(settings)
        self._breaker = CircuitBreaker()
        self._redis: Redis | None = None

    async def __aenter__(self) -> Self:
        if self._settings.redis_host:
            password = self._settings.redis_password.get_secret_value()
            self._redis = Redis(
                host=self._settings.redis_host,
                port=self._settings.redis_port,
                password=password or None,
                # Bounded as a whole by `_within`, connecting included.
                socket_timeout=None,
                socket_connect_timeout=None,
                # A payment has no time for a second attempt: the circuit breaker decides about the next one.
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                lib_name=None,
                lib_version=None,
            )
        try:
            await self.ping()
        except FeatureStoreError as error:
            logger.warning("starting without online features: %s", error)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    @property
    def breaker_state(self) -> BreakerState:
        return self._breaker.state

    async def ping(self) -> None:
        """Returns when Redis answers.

        Raises:
            FeatureStoreError: it does not.
        """
        if self._redis is None:
            raise FeatureStoreError("REDIS_HOST is empty")
        try:
            await _within(max(self._timeout_seconds, 0.25), self._ping(self._redis))
        except (RedisError, OSError, TimeoutError) as error:
            raise FeatureStoreError(f"Redis does not answer ({type(error).__name__})") from error

    async def read(self, transaction: Transaction, *, add: bool = True) -> FeatureRead:
        """The features of a payment that is being decided; the same step adds it to the recent events, if told so."""
        try:
            recent, profiles, flags = await self._fetch(transaction, "read_add" if add else "read")
            available = True
        except FeatureStoreError as error:
            metrics.REDIS_FAILURES.labels(error.reason).inc()
            recent, profiles, flags, available = RecentEvents.unavailable(), Profiles.unavailable(), [], False
        features = compute_features(transaction, recent, profiles, self._feature_settings)
        if flags:
            features = UserFeatures(features.values, features.missing, (*features.flags, *flags))
        return FeatureRead(features, recent, profiles, available)

    async def _fetch(self, transaction: Transaction, mode: Mode) -> tuple[RecentEvents, Profiles, list[str]]:
        if self._redis is None or not self._breaker.allow():
            raise FeatureStoreError("Redis is not asked", "not_asked")
        flags: list[str] = []
        try:
            call, answer = await _within(self._timeout_seconds, self._ask(self._redis, transaction, mode))
            for part in answer:
                if isinstance(part, Exception):
                    raise part
            recent = parse_recent(call, answer[0])
            profiles = parse_profiles(transaction, answer[1], self._feature_settings)
        except TimeoutError as error:
            self._breaker.failed()
            raise FeatureStoreError("Redis did not answer in time", "late") from error
        except (RedisError, OSError) as error:
            self._breaker.failed()
            raise FeatureStoreError(f"Redis did not answer ({type(error).__name__})") from error
        except (ValueError, TypeError, KeyError, IndexError) as error:
            # Somebody else wrote under our keys: not known is right, a crash or a guess is not.
            logger.exception("what Redis holds for transaction %s cannot be read", transaction.transaction_id)
            raise FeatureStoreError("Redis holds something unreadable", "unreadable") from error
        self._breaker.succeeded()
        _count_found(transaction, answer[1])
        if answer[2] is None:
            flags.append(HISTORY_INCOMPLETE)
        if call.args[0] == "read":
            flags.append(NOT_ADDED)
        return recent, profiles, flags

    @staticmethod
    async def _ping(redis: Redis) -> None:
        await redis.ping()

    async def _ask(self, redis: Redis, transaction: Transaction, mode: Mode) -> tuple[ScriptCall, list[Any]]:
        """The script's call and Redis' answers: to the script, to the profiles, and the caught-up mark."""
        call, profiles = recent_call(transaction, mode), profile_keys(transaction)
        answer = await self._round_trip(redis, call, profiles)
        if isinstance(answer[0], NoScriptError):
            # Redis was restarted and knows no script any more.
            await redis.script_load(RECENT_SCRIPT)
            answer = await self._round_trip(redis, call, profiles)
        if isinstance(answer[0], OutOfMemoryError):
            # Full: it takes no payment any more, and still knows the earlier ones.
            call = recent_call(transaction, "read")
            answer = await self._round_trip(redis, call, profiles)
        return call, answer

    async def _round_trip(self, redis: Redis, call: ScriptCall, profiles: tuple[str, ...]) -> list[Any]:
        pipeline = redis.pipeline(transaction=False)
        pipeline.evalsha(SCRIPT_SHA, len(call.keys), *call.keys, *call.args)
        pipeline.mget(profiles)
        pipeline.get(self._caught_up_key)
        return list(await pipeline.execute(raise_on_error=False))


def _count_found(transaction: Transaction, payloads: Sequence[bytes | None]) -> None:
    for entity, (own, _) in payloads_by_entity(payloads).items():
        if transaction.entity_id(entity) is not None:
            (metrics.CACHE_MISSES if own is None else metrics.CACHE_HITS).labels(entity).inc()


async def _within(seconds: float, question: Coroutine[Any, Any, Result]) -> Result:
    """The answer to a question that may take so long.

    A busy machine may stop this process for longer than that while the answer lies in its socket: before giving up, the
    loop gets a few turns to read what is there.

    Raises:
        TimeoutError: there is no answer.
    """
    task = asyncio.create_task(question)
    try:
        await asyncio.wait({task}, timeout=seconds)
        for _ in range(GRACE_TURNS):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
    finally:
        if not task.done():
            # Closes its connection, so that a late answer is never taken for the next question's.
            task.cancel()
    raise TimeoutError
