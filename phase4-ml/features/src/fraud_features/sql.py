"""The definition as Trino SQL: text over named relations, the same for dbt macros and for tests.

Relations read here have the columns of ``int_transactions`` and ``int_labels_as_of``. Days are whole numbers since
1970-01-01 (UTC), money is whole cents, moments are whole microseconds: nothing is rounded before the last step.
"""

from typing import Final

from fraud_features.features import (
    FEATURES,
    HOURS_24,
    PROFILE_ENTITIES,
    US_PER_DAY,
    WINDOW_ENTITIES,
    Feature,
    Window,
    window_features,
)
from fraud_features.inputs import (
    DISTINCT_COLUMNS,
    EARTH_DIAMETER_KM,
    NEW_COLUMNS,
    PLACED_SQL,
    PREDICATES,
    RATIO_CAP,
    REQUEST_INPUTS,
    SPEED_CAP_KMH,
    STD_FLOOR,
    Z_CAP,
)
from fraud_features.profile import PROFILE_COLUMNS, SET_COLUMNS

ENTITY_COLUMNS: Final = {"user": "user_id", "card": "card_hash", "device": "device_id", "merchant": "merchant_id"}
NULLABLE_ENTITIES: Final = ("card", "device")

SQL_TYPES: Final = {"flag": "bigint", "int": "bigint", "float": "double"}
"""Column type in Gold by the feature's dtype."""

AMOUNT_SQL: Final = REQUEST_INPUTS["amount"].sql

PAYMENT_COLUMNS: Final = (
    "transaction_id",
    "user_id",
    "merchant_id",
    "card_hash",
    "event_time",
    "event_us",
    "event_date",
)
"""Columns of a payment that its row of features keeps."""

COUNTER_NAMES: Final = ("offsets_at", "offsets_before", "label_offsets_before")
"""Columns that tell from which payments and labels a row was computed (``sql_counters``)."""

COORDINATE_COLUMNS: Final = ("_partition", "_offset")


def double(value: float) -> str:
    """A double literal: a plain decimal point would make it a DECIMAL."""
    return f"{value!r}e0" if "e" not in repr(value) else repr(value)


def as_of_sql(event_us: str, lag_us: str) -> str:
    """Date of the snapshot boundary of a payment."""
    return f"date_add('day', ({event_us} - {lag_us}) / {US_PER_DAY}, date '1970-01-01')"


def indent(text: str, by: int = 4) -> str:
    """Text with every line moved to the right, for nesting."""
    return "\n".join(" " * by + line if line else line for line in text.splitlines())


# ---- windows ---------------------------------------------------------------------------------------------------


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


def _window_columns() -> dict[str, str]:
    """Raw columns over windows, by name; features are expressions over these."""
    columns: dict[str, str] = {}
    for entity in WINDOW_ENTITIES:
        for feature in window_features(entity):
            if feature.window is None:
                continue
            over = f"over {_window_name(entity, feature.window)}"
            match feature.aggregate:
                case "count" if feature.filter is not None:
                    columns[feature.name] = f"count_if({PREDICATES[feature.filter].sql}) {over}"
                case "count":
                    columns[feature.name] = f"count(*) {over}"
                case "sum":
                    columns[feature.name] = f"sum(amount_cents) {over}"
                case "distinct":
                    column = DISTINCT_COLUMNS[feature.input]
                    columns[_values_name(entity, column, feature.window)] = f"array_agg({column}) {over}"
                case "last" if feature.input == "seconds_since":
                    columns[f"_{entity}_last_us"] = f"max(event_us) {over}"
                case _:
                    columns[f"_{entity}_last_place"] = (
                        "max_by(cast(row(event_us, latitude, longitude) as "
                        "row(event_us bigint, latitude double, longitude double)), "
                        f"if({PLACED_SQL}, row(event_us, transaction_id))) {over}"
                    )
    return columns


def windows_select(payments: str) -> str:
    """Every payment of a relation with the raw aggregates of its windows."""
    used = {(f.entity, f.window.us): f.window for f in FEATURES if f.kind == "window" and f.window}
    clauses = [_window_clause(entity, window) for (entity, _), window in used.items()]
    columns = [f"{sql} as {name}" for name, sql in _window_columns().items()]
    return "\n".join(
        [
            "select",
            "    payments.*,",
            indent(",\n".join(columns)),
            f"from {payments} as payments",
            "window",
            indent(",\n".join(clauses)),
        ]
    )


def _window_value(feature: Feature) -> str:
    """Value of a window feature over the columns of ``windows_select``; NULL when not known."""
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


# ---- the vector ------------------------------------------------------------------------------------------------


def _profile_value(feature: Feature) -> str:
    window = feature.window.label if feature.window else ""
    mean, std = (f"{feature.entity}_amount_{part}_{window}" for part in ("mean", "std"))
    match feature.aggregate:
        case "zscore":
            score = f"({AMOUNT_SQL} - {mean}) / greatest({std}, {double(STD_FLOOR)})"
            bounded = f"greatest({double(-Z_CAP)}, least({double(Z_CAP)}, {score}))"
            return f"if({mean} is not null and {std} is not null, {bounded})"
        case "ratio":
            return f"if({mean} > 0e0, least({double(RATIO_CAP)}, {AMOUNT_SQL} / {mean}))"
        case "new":
            column = NEW_COLUMNS[feature.input]
            known = f"coalesce(contains({feature.entity}_{feature.input}_ids_{window}, {column}), false)"
            since = f"coalesce(contains({_values_name('user', column, HOURS_24)}, {column}), false)"
            return f"if({column} is not null, if({known} or {since}, 0, 1))"
        case _:
            return feature.name


def value_sql(feature: Feature) -> str:
    """Value of a feature over windows joined with profiles; NULL when not known."""
    if feature.kind == "request":
        return REQUEST_INPUTS[feature.input].sql
    return _window_value(feature) if feature.kind == "window" else _profile_value(feature)


def known_select(relation: str) -> str:
    """Every feature with NULL where it is not known, over windows joined with profiles."""
    values = [(value_sql(feature), feature.name) for feature in FEATURES]
    columns = [name if value == name else f"{value} as {name}" for value, name in values]
    kept = (*PAYMENT_COLUMNS, "profile_as_of", *COUNTER_NAMES, *COORDINATE_COLUMNS)
    return "\n".join(["select", indent(",\n".join([*kept, *columns])), f"from {relation}"])


def vector_select(known: str) -> str:
    """The final columns: every feature with its explicit number for "not known", and the names of those."""
    columns = [f"cast(coalesce({f.name}, {_number(f)}) as {SQL_TYPES[f.dtype]}) as {f.name}" for f in FEATURES]
    names = ",\n".join(f"if({f.name} is null, '{f.name}')" for f in FEATURES)
    missing = f"filter(array[\n{indent(names)}\n], name -> name is not null)"
    tail = (
        f"cast({missing} as array(varchar)) as missing_features",
        "profile_as_of",
        *COUNTER_NAMES,
        *COORDINATE_COLUMNS,
    )
    return "\n".join(["select", indent(",\n".join([*PAYMENT_COLUMNS, *columns, *tail])), f"from {known}"])


def _number(feature: Feature) -> str:
    return double(feature.missing) if feature.dtype == "float" else str(int(feature.missing))


def features_query(payments: str, users: str, merchants: str, lag_us: str, where: str = "true") -> str:
    """The whole query of the feature mart: payments, their windows, their profiles, their vector.

    ``payments`` must reach 24 hours further back than the rows that ``where`` keeps; ``users`` and ``merchants`` hold
    one profile per (entity, as_of) that a payment needs.
    """
    profiles = "\n".join(
        f"inner join {relation} as {entity}s\n"
        f"    on windows.{entity}_id = {entity}s.{entity}_id and windows.profile_as_of = {entity}s.as_of"
        for entity, relation in zip(PROFILE_ENTITIES, (users, merchants), strict=True)
    )
    profiled = "\n".join(
        [
            "select",
            "    windows.*,",
            *(f"    {_joined_columns(entity)}," for entity in PROFILE_ENTITIES),
            "    " + ",\n    ".join(f"merchants.{name}" for name in COUNTER_NAMES),
            "from windows",
            profiles,
            f"where {where}",
        ]
    )
    return "\n\n".join(
        [
            "with",
            cte("payments", f"select\n    *,\n    {as_of_sql('event_us', lag_us)} as profile_as_of\nfrom {payments}"),
            cte("windows", windows_select("payments")),
            cte("profiled", profiled),
            cte("known", known_select("profiled"), last=True),
            vector_select("known"),
        ]
    )


def _joined_columns(entity: str) -> str:

    return ",\n    ".join(f"{entity}s.{name}" for name in (*PROFILE_COLUMNS[entity], *SET_COLUMNS[entity]))


def cte(name: str, body: str, *, last: bool = False) -> str:
    """One entry of a WITH clause."""
    return f"{name} as (\n\n{indent(body)}\n\n)" + ("" if last else ",")
