"""Profiles: from Gold into Redis (the DAG's last task), and from Redis to the eye."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import trino

from fraud_contracts import CATALOG, GOLD
from fraud_features import PROFILE_EXPIRY_SECONDS, describe_profiles, profile_entries, profile_query
from fraud_features.redis_layout import FEATURES_KEYS, UNKNOWN_ID
from fraud_serving.errors import SettingsError
from fraud_serving.feature_writer import redis_client
from fraud_serving.settings import Settings

PIPELINEFEATURES_KEYS = 500
FETCH_ROWS = 1_000


def push_features(settings: Settings) -> dict[str, int]:
    """Writes the two newest profiles of every user, merchant and category; answers ``{user_keys, merchant_keys, …}``.

    The key of entities that Gold does not know is written too and not counted.

    Raises:
        SettingsError: Trino's or Redis' address is missing, or Trino does not answer.
        RedisError: Redis does not answer.
    """
    settings.require("trino_url")
    counts = {}
    with redis_client(settings) as redis:
        for entity, key_of in FEATURES_KEYS.items():
            unknown = key_of(UNKNOWN_ID)
            written = 0
            entries = profile_entries(entity, _rows(settings, profile_query(entity)))
            while chunk := list(islice(entries, PIPELINEFEATURES_KEYS)):
                pipeline = redis.pipeline(transaction=False)
                for key, payload in chunk:
                    pipeline.set(key, payload, ex=PROFILE_EXPIRY_SECONDS)
                    written += key != unknown
                pipeline.execute()
            counts[f"{entity}_keys"] = written
    return counts


def show_features(settings: Settings, entity: str, entity_id: str) -> dict[str, Any]:
    """One user's, merchant's or category's profiles, decoded: ``{entity, id, profiles: {as_of: {column: value}}}``.

    Raises:
        SettingsError: Redis' address is missing.
    """
    with redis_client(settings) as redis:
        payload = redis.get(FEATURES_KEYS[entity](entity_id))
    return {"entity": entity, "id": entity_id, "profiles": describe_profiles(entity, _bytes(payload))}


def summarise_features(settings: Settings) -> dict[str, Any]:
    """How many profiles Redis holds, and one of each kind decoded.

    Raises:
        SettingsError: Redis' address is missing.
    """
    summary: dict[str, Any] = {}
    with redis_client(settings) as redis:
        for entity, key_of in FEATURES_KEYS.items():
            prefix = key_of(UNKNOWN_ID)
            ids = sorted(
                key.decode().removeprefix(prefix)
                for key in redis.scan_iter(match=f"{prefix}*", count=1_000)
                if key.decode() != prefix
            )
            summary[f"{entity}_keys"] = len(ids)
            if ids:
                sample = describe_profiles(entity, _bytes(redis.get(key_of(ids[0]))))
                summary[f"{entity}_sample"] = {"id": ids[0], "profiles": sample}
    return summary


def _rows(settings: Settings, query: str) -> Iterator[list[Any]]:
    address = urlsplit(settings.trino_url)
    if not address.hostname:
        raise SettingsError(f"TRINO_URL is no address: {settings.trino_url!r}; `make setup` writes one into .env")
    connection = trino.dbapi.connect(
        host=address.hostname,
        port=address.port or 8080,
        http_scheme=address.scheme or "http",
        user=settings.trino_user,
        source="fraud-serving push-features",
        catalog=CATALOG,
        schema=GOLD,
    )
    try:
        cursor = connection.cursor()
        cursor.execute(query)
        while rows := cursor.fetchmany(FETCH_ROWS):
            yield from rows
    except trino.exceptions.TrinoUserError as error:
        raise SettingsError(f"Trino cannot answer ({error.message}): run the DAG fraud_pipeline first") from error
    except (trino.exceptions.Error, trino.exceptions.HttpError, OSError) as error:
        # the client's own errors, and those of the HTTP library below it
        raise SettingsError(
            f"Trino does not answer at {settings.trino_url} ({type(error).__name__}): run `make start SERVICE=trino`"
        ) from error
    finally:
        connection.close()


def _bytes(payload: Any) -> bytes | None:
    return payload if isinstance(payload, bytes) else None
