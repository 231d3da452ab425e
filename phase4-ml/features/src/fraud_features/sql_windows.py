"""Windows as Trino SQL: one stage per entity, each reduced to numbers before the next sorts the payments again.

The arrays that distinct counts need are wide; carried through every later sort they would take most of the memory.
"""

from typing import Final

from fraud_features.features import HOURS_24, WINDOW_ENTITIES, Feature, Window, profile_features, window_features
from fraud_features.inputs import (
    DISTINCT_COLUMNS,
    EARTH_DIAMETER_KM,
    NEW_COLUMNS,
    PLACED_SQL,
    PREDICATES,
    SPEED_CAP_KMH,
)
from fraud_features.sql_text import cte, double, indent

ENTITY_COLUMNS: Final = {
    "user": "user_id",
    "card": "card_hash",
    "device": "device_id",
    "merchant": "merchant_id",
    "category": "merchant_category_code",
}
"""Column of a payment, and of a profile in Gold, that identifies an entity."""

NULLABLE_ENTITIES: Final = ("card", "device", "category")
"""Entities that a payment may be without."""


def window_ctes(payments: str, columns: tuple[str, ...]) -> list[str]:
    """Entries of a WITH clause, the last one named ``windows``: ``columns`` of every payment and its window features.

    Beside the features there is a ``seen_name`` column per value that a ``new`` flag looks up in the last 24 hours.
    """
    entries: list[str] = []
    source, carried = payments, list(columns)
    for entity in WINDOW_ENTITIES:
        last = entity == WINDOW_ENTITIES[-1]
        target = "windows" if last else f"{entity}_windows"
        entries.append(cte(f"{entity}_aggregates", _aggregates(entity, source)))
        values = {f.name: window_value(f) for f in window_features(entity)} | _seen(entity)
        selected = [*carried, *(name if sql == name else f"{sql} as {name}" for name, sql in values.items())]
        entries.append(cte(target, _select(selected, f"{entity}_aggregates")))
        source, carried = target, [*carried, *values]
    return entries


def seen_name(entity: str, column: str) -> str:
    """Column that says whether the entity's last 24 hours hold this payment's value of a column."""
    return f"_{entity}_{column}_seen"


def _select(columns: list[str], source: str) -> str:
    return "\n".join(["select", indent(",\n".join(columns)), f"from {source}"])


def _aggregates(entity: str, source: str) -> str:
    raw = _raw_columns(entity)
    windows = {window.us: window for _, window in raw.values()}
    over = [f"{sql} over {_window_name(entity, window)} as {name}" for name, (sql, window) in raw.items()]
    clauses = [_window_clause(entity, windows[us]) for us in sorted(windows)]
    return "\n".join([_select([f"{source}.*", *over], source), "window", indent(",\n".join(clauses))])


def _raw_columns(entity: str) -> dict[str, tuple[str, Window]]:
    """Aggregates by column name, each with its window; features are expressions over these."""
    raw: dict[str, tuple[str, Window]] = {}
    for feature in window_features(entity):
        if feature.window is None:
            continue
        name, sql = feature.name, "count(*)"
        if feature.aggregate == "count" and feature.filter is not None:
            sql = f"count_if({PREDICATES[feature.filter].sql})"
        elif feature.aggregate == "sum":
            sql = "sum(amount_cents)"
        elif feature.aggregate == "distinct":
            column = DISTINCT_COLUMNS[feature.input]
            name, sql = _values_name(entity, column, feature.window), f"array_agg({column})"
        elif feature.aggregate == "last":
            name, sql = _last(entity, feature)
        raw[name] = sql, feature.window
    for column in _looked_up(entity):
        raw[_values_name(entity, column, HOURS_24)] = f"array_agg({column})", HOURS_24
    return raw


def _last(entity: str, feature: Feature) -> tuple[str, str]:
    if feature.input == "seconds_since":
        return f"_{entity}_last_us", "max(event_us)"
    place = "row(event_us bigint, latitude double, longitude double)"
    # rows without a place have no key, and those are left out
    key = f"if({PLACED_SQL}, row(event_us, transaction_id))"
    return f"_{entity}_last_place", f"max_by(cast(row(event_us, latitude, longitude) as {place}), {key})"


def _window_name(entity: str, window: Window) -> str:
    return f"{entity}_{window.label}"


def _window_clause(entity: str, window: Window) -> str:
    column = ENTITY_COLUMNS[entity]
    # payments without a card or device are alone, not together
    alone = f", if({column} is null, transaction_id)" if entity in NULLABLE_ENTITIES else ""
    frame = f"range between {window.us - 1} preceding and 1 preceding"
    return f"{_window_name(entity, window)} as (partition by {column}{alone} order by event_us {frame})"


def _values_name(entity: str, column: str, window: Window) -> str:
    return f"_{entity}_{column}_{window.label}"


def _looked_up(entity: str) -> list[str]:
    """Columns whose values the ``new`` flags of an entity look up."""
    return [NEW_COLUMNS[f.input] for f in profile_features(entity) if f.aggregate == "new"]


def _seen(entity: str) -> dict[str, str]:
    """``contains`` is NULL when an array with NULLs lacks the value, or when there is no array."""
    return {
        seen_name(entity, column): f"coalesce(contains({_values_name(entity, column, HOURS_24)}, {column}), false)"
        for column in _looked_up(entity)
    }


def window_value(feature: Feature) -> str:
    """Value of a feature over earlier payments, over the raw aggregates of its entity; NULL when not known."""
    assert feature.window is not None  # noqa: S101
    match feature.aggregate:
        case "count":
            value = feature.name
        case "sum":
            value = f"cast(coalesce({feature.name}, 0) as double) / 100e0"
        case "distinct":
            values = _values_name(feature.entity, DISTINCT_COLUMNS[feature.input], feature.window)
            value = f"coalesce(cardinality(array_except({values}, array[null])), 0)"
        case "last" if feature.input == "seconds_since":
            value = f"cast(event_us - coalesce(_{feature.entity}_last_us, event_us - {HOURS_24.us}) as double) / 1e6"
        case _:
            value = _speed_sql(f"_{feature.entity}_last_place")
    if feature.entity in NULLABLE_ENTITIES:
        return f"if({ENTITY_COLUMNS[feature.entity]} is not null, {value})"
    return value


def _speed_sql(place: str) -> str:
    north = f"sin(radians(latitude - {place}.latitude) / 2e0)"
    east = f"sin(radians(longitude - {place}.longitude) / 2e0)"
    square = f"{north} * {north} + cos(radians({place}.latitude)) * cos(radians(latitude)) * {east} * {east}"
    kilometres = f"{double(EARTH_DIAMETER_KM)} * asin(sqrt(least(1e0, {square})))"
    elapsed = f"cast(greatest(event_us - {place}.event_us, 1000000) as double)"
    return f"if({PLACED_SQL}, least({double(SPEED_CAP_KMH)}, {kilometres} * 3.6e9 / {elapsed}))"
