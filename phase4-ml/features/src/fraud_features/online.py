"""The vector of one payment from what Redis holds: recent events and profiles. Pure: no clock, no network."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fraud_features.events import RecentEvent, RecentLogin, Transaction
from fraud_features.features import (
    FEATURES,
    HOURS_24,
    PROFILE_ENTITIES,
    US_PER_SECOND,
    WINDOW_ENTITIES,
    Feature,
    login_features,
    profile_features,
    window_features,
)
from fraud_features.inputs import (
    DISTINCT_COLUMNS,
    HABITS,
    NEW_COLUMNS,
    PREDICATES,
    REQUEST_INPUTS,
    distance_km,
    is_placed,
    ratio,
    speed_kmh,
    zscore,
)
from fraud_features.profile import Profile, Profiles, boundary_us, empty_profile
from fraud_features.settings import FeatureSettings
from fraud_features.vector import UserFeatures


@dataclass(frozen=True, slots=True)
class Recent:
    """Earlier payments of one entity, in any order; ``truncated`` when some of the window are known to be gone."""

    events: Sequence[RecentEvent] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class RecentLogins:
    """Earlier logins of the user, in any order; ``truncated`` when some of the window are known to be gone."""

    events: Sequence[RecentLogin] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """Recent payments per entity of ``WINDOW_ENTITIES``, and logins of the user; what is absent could not be read."""

    by_entity: dict[str, Recent] = field(default_factory=dict)
    logins: RecentLogins | None = None

    @classmethod
    def empty(cls) -> "RecentEvents":
        """Everything was read and there was nothing."""
        return cls({entity: Recent() for entity in WINDOW_ENTITIES}, RecentLogins())

    @classmethod
    def unavailable(cls) -> "RecentEvents":
        """Nothing could be read."""
        return cls()


def compute_features(
    transaction: Transaction,
    recent: RecentEvents,
    profiles: Profiles,
    settings: FeatureSettings | None = None,
) -> UserFeatures:
    """The vector of ``transaction``.

    Events that are not strictly before it, are older than the window or carry its own identifier are left out here, so
    ``recent`` may hold more than is needed. A profile of another boundary than the payment's counts as stale. In place
    of a profile that cannot be used stand the numbers of a first payment, which a model has learned from; its features
    are listed as missing all the same.
    """
    values: dict[str, float | None] = {f.name: REQUEST_INPUTS[f.input].python(transaction) for f in _REQUEST}
    flags: list[str] = []
    user_day: list[RecentEvent] | None = None
    for entity, plan in _WINDOW_PLAN.items():
        given = recent.by_entity.get(entity)
        if transaction.entity_id(entity) is None:
            continue
        if given is None:
            flags.append(f"{entity}_recent_missing")
            continue
        if given.truncated:
            flags.append(f"{entity}_recent_truncated")
        events = _before(transaction, given.events)
        for start_us, features in plan:
            held = [event for event in events if event.event_us > transaction.event_us - start_us]
            for feature, aggregate in features:
                values[feature.name] = aggregate(feature, transaction, held)
        if entity == "user":
            user_day = [event for event in events if event.event_us > transaction.event_us - HOURS_24.us]
    values |= _login_values(transaction, recent.logins, flags)
    wanted = boundary_us(transaction.event_us, settings or FeatureSettings.from_env())
    stand_ins: set[str] = set()
    for entity in (entity for entity in PROFILE_ENTITIES if transaction.entity_id(entity) is not None):
        profile = _usable(entity, profiles, wanted, flags, stand_ins)
        if profile is not None:
            values |= _profile_values(entity, transaction, profile, user_day)
    return UserFeatures.from_values(values, flags, stand_ins)


def _usable(entity: str, profiles: Profiles, wanted_us: int, flags: list[str], stand_ins: set[str]) -> Profile | None:
    """The entity's profile of the payment's boundary, or one without history; none where nobody could look."""
    profile = profiles.profile(entity)
    if profile is not None and profile.as_of_us == wanted_us:
        return profile
    status = "stale" if profile else profiles.status(entity)
    flags.append(f"{entity}_profile_{'missing' if status == 'unread' else status}")
    if status == "unread":
        return None
    stand_ins.update(f.name for f in _PROFILE_PLAN[entity])
    return empty_profile(entity, wanted_us)


def _login_values(transaction: Transaction, logins: RecentLogins | None, flags: list[str]) -> dict[str, float | None]:
    """Failed logins strictly before the payment, each identifier once; what was wrong is added to ``flags``."""
    if logins is None:
        flags.append("user_logins_missing")
        return {}
    if logins.truncated:
        flags.append("user_logins_truncated")
    failed = {login.login_id: login.event_us for login in logins.events if login.failed}
    ages = [transaction.event_us - moment for moment in failed.values()]
    return {f.name: float(sum(0 < age < f.window.us for age in ages)) for f in _LOGINS if f.window is not None}


def _before(transaction: Transaction, events: Iterable[RecentEvent]) -> list[RecentEvent]:
    """Events strictly before the payment, each identifier once, oldest first; ties by identifier."""
    seen: dict[str, RecentEvent] = {}
    for event in events:
        if event.event_us < transaction.event_us and event.transaction_id != transaction.transaction_id:
            seen.setdefault(event.transaction_id, event)
    return sorted(seen.values(), key=lambda event: (event.event_us, event.transaction_id))


def _count(feature: Feature, _: Transaction, events: Sequence[RecentEvent]) -> float:
    if feature.filter is None:
        return float(len(events))
    matches = PREDICATES[feature.filter].python
    return float(sum(1 for event in events if matches(event)))


def _sum(_: Feature, __: Transaction, events: Sequence[RecentEvent]) -> float:
    return sum(event.amount_cents for event in events) / 100.0


def _distinct(feature: Feature, _: Transaction, events: Sequence[RecentEvent]) -> float:
    column = DISTINCT_COLUMNS[feature.input]
    return float(len({getattr(event, column) for event in events} - {None}))


def _last(feature: Feature, transaction: Transaction, events: Sequence[RecentEvent]) -> float | None:
    if feature.input == "seconds_since":
        elapsed = transaction.event_us - events[-1].event_us if events else HOURS_24.us
        return elapsed / float(US_PER_SECOND)
    if transaction.latitude is None or transaction.longitude is None:
        return None
    if not is_placed(transaction.latitude, transaction.longitude):
        return None
    for event in reversed(events):
        if event.latitude is not None and event.longitude is not None and is_placed(event.latitude, event.longitude):
            kilometres = distance_km(transaction.latitude, transaction.longitude, event.latitude, event.longitude)
            return speed_kmh(kilometres, transaction.event_us - event.event_us)
    return None


def _profile_values(
    entity: str, transaction: Transaction, profile: Profile, user_day: Sequence[RecentEvent] | None
) -> dict[str, float | None]:
    amount = transaction.amount_cents / 100.0
    values: dict[str, float | None] = {}
    for feature in _PROFILE_PLAN[entity]:
        window = feature.window.label if feature.window else ""
        if feature.aggregate == "zscore":
            mean, std = (profile.values.get(f"{entity}_amount_{part}_{window}") for part in ("mean", "std"))
            values[feature.name] = zscore(amount, mean, std)
        elif feature.aggregate == "ratio":
            values[feature.name] = ratio(amount, profile.values.get(f"{entity}_amount_mean_{window}"))
        elif feature.aggregate == "share":
            counts = profile.habits.get(f"{entity}_{feature.input}_counts_{window}", ())
            values[feature.name] = _share(feature.input, transaction, counts)
        elif feature.aggregate == "new":
            known = profile.sets.get(f"{entity}_{feature.input}_ids_{window}", frozenset())
            values[feature.name] = _is_new(NEW_COLUMNS[feature.input], transaction, known, user_day)
        else:
            values[feature.name] = profile.values.get(feature.name)
    return values


def _share(habit: str, transaction: Transaction, counts: Sequence[int]) -> float | None:
    """Share of the counted payments that fell into this one's bin or a neighbour; None without payments."""
    total = sum(counts)
    return sum(counts[n] for n in HABITS[habit].near(transaction.event_us)) / total if total else None


def _is_new(
    column: str, transaction: Transaction, known: frozenset[str], user_day: Sequence[RecentEvent] | None
) -> float | None:
    value = getattr(transaction, column)
    if value is None or user_day is None:
        return None
    return float(value not in known and all(getattr(event, column) != value for event in user_day))


_Aggregate = Callable[[Feature, Transaction, Sequence[RecentEvent]], float | None]

_AGGREGATES: Final[dict[str, _Aggregate]] = {"count": _count, "sum": _sum, "distinct": _distinct, "last": _last}


def _plan(entity: str) -> list[tuple[int, list[tuple[Feature, _Aggregate]]]]:
    """Window features of an entity grouped by window length, so that each window is cut out once."""
    by_length: dict[int, list[tuple[Feature, _Aggregate]]] = {}
    for feature in window_features(entity):
        if feature.window is not None:
            by_length.setdefault(feature.window.us, []).append((feature, _AGGREGATES[feature.aggregate]))
    return list(by_length.items())


_LOGINS: Final = login_features()
_REQUEST: Final = tuple(f for f in FEATURES if f.kind == "request")
_WINDOW_PLAN: Final = {entity: _plan(entity) for entity in WINDOW_ENTITIES}
_PROFILE_PLAN: Final = {entity: profile_features(entity) for entity in PROFILE_ENTITIES}
