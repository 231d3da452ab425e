"""How features lie in Redis: recent events and profiles per entity, and the one script that writes.

No Redis client here: callers bring theirs and send ``RECENT_SCRIPT`` (EVALSHA) and ``MGET`` in one pipeline.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from typing import Any, Final, Literal

from fraud_contracts import CATALOG, GOLD, category_features_key, merchant_features_key, recent_key, user_features_key
from fraud_features.events import Login, RecentEvent, RecentLogin, Transaction
from fraud_features.features import (
    PROFILE_ENTITIES,
    US_PER_DAY,
    US_PER_HOUR,
    WINDOW_ENTITIES,
    longest_login_window,
    longest_window,
)
from fraud_features.online import Recent, RecentEvents, RecentLogins
from fraud_features.profile import (
    HABIT_COLUMNS,
    PROFILE_COLUMNS,
    SET_COLUMNS,
    Profile,
    Profiles,
    Status,
    boundary_us,
    empty_profile,
    stored_columns,
)
from fraud_features.settings import FeatureSettings
from fraud_features.sql_windows import ENTITY_COLUMNS

Mode = Literal["read_add", "add", "read"]

RECENT_SCRIPT: Final = (files("fraud_features") / "recent_events.lua").read_text(encoding="utf-8")
"""Lua for EVAL/EVALSHA; ``recent_call`` makes its keys and arguments, ``parse_recent`` reads its answer."""

READ_ONLY: Final = "0"
"""A payment's call reads its user's logins and adds nothing to them."""

SLACK_US: Final = US_PER_HOUR
"""Events are kept this much longer than the longest window: a payment scored a little late still sees its own."""

LOGIN: Final = "login"
"""Under this name a user's recent logins are kept beside the payments of the window entities."""

RECENT_LIMITS: Final = {"user": 2_000, "card": 2_000, "device": 2_000, "merchant": 5_000, LOGIN: 2_000}
"""Most events kept per entity: bounds memory and the longest answer; whoever has more is flagged as truncated."""

RECENT_EXPIRY_SECONDS: Final = 7 * 24 * 3600
"""Only frees memory. Longer than any window because simulated clocks may run slower than the wall's."""

PROFILE_EXPIRY_SECONDS: Final = 72 * 3600
"""Only frees memory; whether a profile is stale is judged by its boundary."""

UNKNOWN_ID: Final = ""
"""The profile of an entity that Gold has never seen is kept under the empty identifier (real ones are not empty)."""

FEATURES_KEYS: Final[dict[str, Callable[[str], str]]] = {
    "user": user_features_key,
    "merchant": merchant_features_key,
    "category": category_features_key,
}
"""Redis key of an entity's profiles by its identifier."""

_MART: Final = {
    "user": "mart_user_profile_current",
    "merchant": "mart_merchant_risk_current",
    "category": "mart_category_profile_current",
}
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """Keys and arguments of one call of ``RECENT_SCRIPT``; ``entities`` says what the answer's parts belong to."""

    keys: tuple[str, ...]
    args: tuple[str, ...]
    entities: tuple[str, ...]


def recent_keys(entity: str, entity_id: str) -> tuple[str, str]:
    """Sorted set of identifiers by event time, and hash of payloads, of one entity's recent events."""
    return recent_key(entity, entity_id), recent_key(f"{entity}.payload", entity_id)


def recent_call(transaction: Transaction, mode: Mode = "read_add") -> ScriptCall:
    """The script call of a payment: ``read_add`` for a decision, ``add`` for feature_writer, ``read`` to look only.

    Both that add keep a payment once. Only ``add`` lets older events expire: its times are the stream's own, while
    those of a request are whatever the caller says.
    """
    event = transaction.as_recent()
    keys: list[str] = []
    bounds: list[str] = []
    entities: list[str] = []
    for entity in WINDOW_ENTITIES:
        entity_id = transaction.entity_id(entity)
        if entity_id is not None:
            keys += recent_keys(entity, entity_id)
            bounds += _bounds(entity, longest_window(entity).us)
            entities.append(entity)
    if mode != "add":
        keys += recent_keys(LOGIN, transaction.user_id)
        bounds += [*_bounds(LOGIN, longest_login_window().us)[:2], READ_ONLY]
        entities.append(LOGIN)
    args = (mode, event.transaction_id, str(event.event_us), pack_event(event), str(RECENT_EXPIRY_SECONDS), *bounds)
    return ScriptCall(tuple(keys), args, tuple(entities))


def login_call(login: Login) -> ScriptCall:
    """The script call that keeps a login, once, for the payments after it."""
    bounds = _bounds(LOGIN, longest_login_window().us)
    event = login.as_recent()
    args = ("add", event.login_id, str(event.event_us), pack_event(event), str(RECENT_EXPIRY_SECONDS), *bounds)
    return ScriptCall(recent_keys(LOGIN, login.user_id), args, (LOGIN,))


def _bounds(entity: str, window_us: int) -> list[str]:
    return [str(window_us), str(window_us + SLACK_US), str(RECENT_LIMITS[entity])]


def parse_recent(call: ScriptCall, answer: Sequence[Sequence[Any]]) -> RecentEvents:
    """The script's answer (modes that read; strings as bytes) as recent events per entity, and logins."""
    parts = dict(zip(call.entities, answer, strict=True))
    logins = parts.pop(LOGIN, None)
    return RecentEvents(
        {name: Recent(unpack_events(part[1:]), part[0] == 1) for name, part in parts.items()},
        None if logins is None else RecentLogins(unpack_logins(logins[1:]), logins[0] == 1),
    )


def pack_event(event: RecentEvent | RecentLogin) -> str:
    """A recent event as compact JSON, its fields in their order."""
    return json.dumps(event, separators=(",", ":"))


def unpack_events(payloads: Sequence[bytes]) -> list[RecentEvent]:
    """The payments that ``pack_event`` packed."""
    return [RecentEvent._make(event) for event in _unpacked(payloads)]


def unpack_logins(payloads: Sequence[bytes]) -> list[RecentLogin]:
    """The logins that ``pack_event`` packed."""
    return [RecentLogin._make(event) for event in _unpacked(payloads)]


def _unpacked(payloads: Sequence[bytes]) -> Any:
    # one parse for all of them costs a third of one for each
    return json.loads(b"[%b]" % b",".join(payloads))


def layout_version(entity: str) -> str:
    """Identifies the columns of a packed profile: one of another layout is not read."""
    return sha256(json.dumps(stored_columns(entity)).encode()).hexdigest()[:12]


def pack_profiles(entity: str, profiles: Iterable[Profile]) -> bytes:
    """One entity's profiles, newest first: ``[layout, [as_of_us, numbers, sets, counts by bin] …]`` as JSON."""
    packed: list[Any] = [layout_version(entity)]
    for profile in sorted(profiles, key=lambda item: -item.as_of_us):
        numbers = [profile.values.get(name) for name in PROFILE_COLUMNS[entity]]
        sets = [sorted(profile.sets.get(name, ())) for name in SET_COLUMNS[entity]]
        habits = [profile.habits.get(name, ()) for name in HABIT_COLUMNS[entity]]
        packed.append([profile.as_of_us, numbers, sets, habits])
    return json.dumps(packed, separators=(",", ":")).encode()


def unpack_profiles(entity: str, payload: bytes | str | None) -> tuple[Profile, ...]:
    """Profiles of one entity, newest first; none for an absent key or another layout."""
    if not payload:
        return ()
    layout, *packed = json.loads(payload)
    if layout != layout_version(entity):
        return ()
    return tuple(
        Profile(
            as_of_us,
            dict(zip(PROFILE_COLUMNS[entity], numbers, strict=True)),
            {name: frozenset(ids) for name, ids in zip(SET_COLUMNS[entity], sets, strict=True)},
            {name: tuple(counts) for name, counts in zip(HABIT_COLUMNS[entity], habits, strict=True)},
        )
        for as_of_us, numbers, sets, habits in packed
    )


def profile_keys(transaction: Transaction) -> tuple[str, ...]:
    """Keys to MGET beside the script, two for each of ``PROFILE_ENTITIES``: the payment's own entity, and the one that
    stands for entities Gold does not know (also where the payment has none)."""
    return tuple(
        FEATURES_KEYS[entity](entity_id)
        for entity in PROFILE_ENTITIES
        for entity_id in (transaction.entity_id(entity) or UNKNOWN_ID, UNKNOWN_ID)
    )


def parse_profiles(
    transaction: Transaction, payloads: Sequence[bytes | str | None], settings: FeatureSettings | None = None
) -> Profiles:
    """The profiles that a payment may use, from the values of ``profile_keys``."""
    wanted = boundary_us(transaction.event_us, settings or FeatureSettings.from_env())
    found: dict[str, Profile] = {}
    statuses: dict[str, Status] = {}
    for entity, (own, unknown) in payloads_by_entity(payloads).items():
        if transaction.entity_id(entity) is None:
            continue
        profile, statuses[entity] = _choose(entity, own, unknown, wanted)
        if profile is not None:
            found[entity] = profile
    return Profiles(found, statuses)


def payloads_by_entity(payloads: Sequence[bytes | str | None]) -> dict[str, tuple[bytes | str | None, ...]]:
    """What MGET answered to ``profile_keys``, by entity: of its own key, and of the one for unknown entities."""
    return {entity: tuple(payloads[2 * n : 2 * n + 2]) for n, entity in enumerate(PROFILE_ENTITIES)}


def _choose(
    entity: str, own: bytes | str | None, unknown: bytes | str | None, wanted_us: int
) -> tuple[Profile | None, Status]:
    profiles = unpack_profiles(entity, own) or unpack_profiles(entity, unknown)
    for profile in profiles:
        if profile.as_of_us == wanted_us:
            return profile, "fresh"
    return None, "stale" if profiles else "missing"


def profile_query(entity: str, schema: str = f"{CATALOG}.{GOLD}") -> str:
    """Trino query for what ``profile_entries`` takes: every entity at the two newest boundaries, entity by entity."""
    entity_id = ENTITY_COLUMNS[entity]
    columns = ", ".join((entity_id, "as_of", *stored_columns(entity)))
    return f"select {columns} from {schema}.{_MART[entity]} order by {entity_id}, as_of desc"  # noqa: S608


def profile_entries(entity: str, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, bytes]]:
    """Keys and values to SET with ``PROFILE_EXPIRY_SECONDS``, from the rows of ``profile_query`` in its order.

    The first row's entity tells the boundaries; the last entry is the profile of entities that Gold does not know.
    """
    boundaries: set[int] = set()
    for entity_id, group in groupby(rows, key=lambda row: row[0]):
        profiles = [profile_from_row(entity, row) for row in group]
        boundaries.update(profile.as_of_us for profile in profiles)
        yield FEATURES_KEYS[entity](entity_id), pack_profiles(entity, profiles)
    if boundaries:
        unknown = [empty_profile(entity, as_of_us) for as_of_us in boundaries]
        yield FEATURES_KEYS[entity](UNKNOWN_ID), pack_profiles(entity, unknown)


def profile_from_row(entity: str, row: Sequence[Any]) -> Profile:
    """A row of ``profile_query``: identifier, as_of (date), numbers, sets, counts by bin."""
    first_set = 2 + len(PROFILE_COLUMNS[entity])
    first_habit = first_set + len(SET_COLUMNS[entity])
    numbers = dict(zip(PROFILE_COLUMNS[entity], row[2:first_set], strict=True))
    sets, habits = row[first_set:first_habit], row[first_habit:]
    return Profile(
        (row[1] - _EPOCH) // timedelta(days=1) * US_PER_DAY,
        {name: None if value is None else float(value) for name, value in numbers.items()},
        {name: frozenset(ids or ()) for name, ids in zip(SET_COLUMNS[entity], sets, strict=True)},
        {name: tuple(counts) for name, counts in zip(HABIT_COLUMNS[entity], habits, strict=True)},
    )


def describe_profiles(entity: str, payload: bytes | str | None) -> Mapping[str, Any]:
    """A packed profile for people: boundary to columns (``make redis-features``)."""
    return {
        (_EPOCH + timedelta(microseconds=profile.as_of_us)).isoformat(): {
            **profile.values,
            **{name: sorted(ids) for name, ids in profile.sets.items()},
            **{name: list(counts) for name, counts in profile.habits.items()},
        }
        for profile in unpack_profiles(entity, payload)
    }
