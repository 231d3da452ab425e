"""The vector as Trino SQL: text over named relations, the same for dbt macros and for tests.

Relations read here have the columns of ``int_transactions`` and ``int_labels_as_of``. Days are whole numbers since
1970-01-01 (UTC), money is whole cents, moments are whole microseconds: nothing is rounded before the last step.
"""

from collections.abc import Mapping
from typing import Final

from fraud_features.features import FEATURES, PROFILE_ENTITIES, Feature
from fraud_features.inputs import HABITS, NEW_COLUMNS, RATIO_CAP, REQUEST_INPUTS, STD_FLOOR, Z_CAP
from fraud_features.profile import stored_columns
from fraud_features.sql_counters import COUNTER_COLUMNS
from fraud_features.sql_logins import failed_logins, login_columns
from fraud_features.sql_text import as_of_sql, cte, double, indent
from fraud_features.sql_windows import ENTITY_COLUMNS, NULLABLE_ENTITIES, seen_name, window_ctes

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

COUNTER_NAMES: Final = tuple(COUNTER_COLUMNS)
"""Columns that tell from which payments, labels, KYC records and logins a row was computed (``sql_counters``)."""

COORDINATE_COLUMNS: Final = ("_partition", "_offset")

_INPUT_COLUMNS: Final = (
    "amount_cents",
    "device_id",
    "country",
    "latitude",
    "longitude",
    "channel",
    "card_present",
    "is_international",
    "transaction_type",
    "merchant_category_code",
)


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
        case "share":
            return _share(f"{feature.entity}_{feature.input}_counts_{window}", feature.input)
        case "new":
            column = NEW_COLUMNS[feature.input]
            known = f"coalesce(contains({feature.entity}_{feature.input}_ids_{window}, {column}), false)"
            return f"if({column} is not null, if({known} or {seen_name(feature.entity, column)}, 0, 1))"
        case _:
            return feature.name


def _share(counts: str, habit: str) -> str:
    bins, reach = HABITS[habit].bins, HABITS[habit].reach
    # arrays begin at 1
    near = [f"{counts}[({HABITS[habit].sql} + {step % bins}) % {bins} + 1]" for step in range(-reach, reach + 1)]
    total = f"reduce({counts}, bigint '0', (total, n) -> total + n, total -> total)"
    return f"cast({' + '.join(near)} as double) / cast(nullif({total}, 0) as double)"


def value_sql(feature: Feature) -> str:
    """Value of a feature over windows joined with profiles; NULL when not known."""
    if feature.kind == "request":
        return REQUEST_INPUTS[feature.input].sql
    return feature.name if feature.kind == "window" else _profile_value(feature)


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


def features_query(payments: str, logins: str, profiles: Mapping[str, str], lag_us: str, where: str = "true") -> str:
    """The whole query of the feature mart: payments, their windows, their profiles, their vector.

    ``payments`` and ``logins`` must reach 24 hours further back than the rows that ``where`` keeps; ``profiles`` names,
    for each of ``PROFILE_ENTITIES``, the relation with one profile per (entity, as_of) that a payment needs.
    """
    joins = "\n".join(_profile_join(entity, profiles[entity]) for entity in PROFILE_ENTITIES)
    profiled = "\n".join(
        [
            "select",
            "    windows.*,",
            *(f"    {_joined_columns(entity)}," for entity in PROFILE_ENTITIES),
            indent(",\n".join([*login_columns("failed_logins"), *(f"of_merchant.{name}" for name in COUNTER_NAMES)])),
            "from windows",
            joins,
            "left join failed_logins",
            "    on windows.transaction_id = failed_logins.transaction_id",
            f"where {where}",
        ]
    )
    boundary = f"{as_of_sql('event_us', lag_us)} as profile_as_of"
    read = [*PAYMENT_COLUMNS, *_INPUT_COLUMNS, *COORDINATE_COLUMNS, boundary]
    return "\n\n".join(
        [
            "with",
            cte("payments", "\n".join(["select", indent(",\n".join(read)), f"from {payments}"])),
            *window_ctes("payments", (*PAYMENT_COLUMNS, *_INPUT_COLUMNS, *COORDINATE_COLUMNS, "profile_as_of")),
            cte("failed_logins", failed_logins("payments", logins)),
            cte("profiled", profiled),
            cte("known", known_select("profiled"), last=True),
            vector_select("known"),
        ]
    )


def _profile_join(entity: str, relation: str) -> str:
    # a payment without such an entity has no profile to be joined with
    kind, entity_id = "left" if entity in NULLABLE_ENTITIES else "inner", ENTITY_COLUMNS[entity]
    return (
        f"{kind} join {relation} as of_{entity}\n"
        f"    on windows.{entity_id} = of_{entity}.{entity_id} and windows.profile_as_of = of_{entity}.as_of"
    )


def _joined_columns(entity: str) -> str:
    return ",\n    ".join(f"of_{entity}.{name}" for name in stored_columns(entity))
