"""Profiles as Trino SQL: daily totals first, then one pass of windows over days."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fraud_features.features import PROFILE_DAYS, PROFILE_ENTITIES, US_PER_DAY, Feature, Source, profile_features
from fraud_features.inputs import HABITS, NEW_COLUMNS, RATE_PRIOR_FRAUDS, RATE_PRIOR_PAYMENTS, RUN_GAP_US
from fraud_features.profile import DERIVED_AGGREGATES, HABIT_COLUMNS
from fraud_features.sql import SQL_TYPES, value_sql
from fraud_features.sql_kyc import kyc_known, kyc_value
from fraud_features.sql_logins import failed_logins
from fraud_features.sql_text import cte, double, indent
from fraud_features.sql_windows import ENTITY_COLUMNS, NULLABLE_ENTITIES, window_value

DAY_ZERO = "date '1970-01-01'"
# the newest day counts when it and the six before it hold this share of all payments (one in so many), and two payments
_LEAST_SHARE_OF_A_WEEK = 10_000


@dataclass(frozen=True, slots=True)
class Maturity:
    """Days that labels take to be complete, as SQL text: a window frame takes numbers and no sums of them.

    ``plus(n)`` is that number of days and ``n`` more; ``look_back`` the days before a boundary that its profile needs.
    """

    plus: Callable[[int], str]
    look_back: str

    @classmethod
    def of(cls, days: int) -> "Maturity":
        return cls(lambda more: str(days + more), str(max(PROFILE_DAYS, days + LONGEST_MATURE_DAYS)))


def profile_query(entity: str, transactions: str, labels: str, kyc: str, needed: str, maturity: Maturity) -> str:
    """One row per (entity, as_of) of ``needed``: the profile over the days before midnight of ``as_of``.

    ``transactions`` must reach ``maturity.look_back`` days further back than the earliest ``as_of``, ``labels`` and
    ``kyc`` (the columns of ``int_kyc_as_of``) be complete, where the entity has features of them; ``needed`` has
    columns ``ENTITY_COLUMNS[entity]`` and ``as_of`` without duplicates.
    """
    stages = {
        "wanted": _wanted(entity, needed),
        "daily": _daily(entity, transactions),
        "timeline": _timeline(entity),
        "spans": _spans(entity, maturity),
    }
    if _reads(entity, "labels"):
        stages["fraud_validity"] = _fraud_validity(entity, labels)
        stages["frauds"] = _frauds(entity, maturity)
    if _reads(entity, "kyc"):
        stages["kyc_known"] = kyc_known(kyc)
    entries = [cte(name, body, last=name == list(stages)[-1]) for name, body in stages.items()]
    return "\n\n".join(["with", *entries, _final(entity)])


def current_needed(entity: str, transactions: str, kyc: str) -> str:
    """Every entity at the two newest boundaries that the payments have reached: what Redis is given.

    A user who has not paid yet has a KYC profile already.

    A stray payment dated years ahead must not be the newest day, or every live payment would find its profile stale; a
    new day of a running stream is one from its first payment on, because of the days before it.
    """
    entity_id = ENTITY_COLUMNS[entity]
    told = [transactions, *([kyc] if _reads(entity, "kyc") else [])]
    entities = " union all ".join(f"select {entity_id} from {relation}" for relation in told)  # noqa: S608
    return f"""select
    entities.{entity_id},
    date_add('day', newest.day - ago.days, {DAY_ZERO}) as as_of
from (select distinct {entity_id} from ({entities})) as entities
cross join (
    select coalesce(max(day) filter (where latest > 1 and latest * {_LEAST_SHARE_OF_A_WEEK} >= total), max(day)) as day
    from (
        select
            days.day,
            sum(days.payments) over (order by days.day range between 6 preceding and current row) as latest,
            sum(days.payments) over () as total
        from (
            select event_us / {US_PER_DAY} as day, count(*) as payments
            from {transactions}
            group by event_us / {US_PER_DAY}
        ) as days
    ) as weeks
) as newest
cross join (values 0, 1) as ago (days)"""  # noqa: S608


def longest_days(entity: str) -> int:
    """Days before a boundary that an entity's profile looks back, where labels are mature at once."""
    return max(f.window.days for f in profile_features(entity) if f.window)


def _stored(entity: str) -> list[Feature]:
    return [f for f in profile_features(entity) if f.aggregate not in DERIVED_AGGREGATES]


def _reads(entity: str, source: Source) -> bool:
    return any(f.source == source for f in _stored(entity))


def _identified(entity: str) -> list[str]:
    """Clause that leaves out the rows without such an entity; a comparison with NULL is not true either."""
    return [f"where {ENTITY_COLUMNS[entity]} <> ''"] if entity in NULLABLE_ENTITIES else []


def _windows(entity: str, *aggregates: str, of: str = "") -> list[int]:
    """Lengths in days of the windows that the named aggregates use: of payments, or of one input from labels."""
    found = {
        f.window.days
        for f in _stored(entity)
        if f.window and f.aggregate in aggregates and (f.input == of if of else f.source == "transactions")
    }
    return sorted(found)


LONGEST_MATURE_DAYS: Final = max(
    (days for entity in PROFILE_ENTITIES for days in _windows(entity, "rate", of="mature_frauds")), default=0
)
"""The longest window that ends where labels are complete: it begins before the longest profile when they take long."""


def _bins(entity: str) -> dict[str, list[tuple[str, str]]]:
    """Counts column of the profile to a column of the day's total, with its condition, for each bin."""
    return {
        name: [(f"{habit}_{n}", f"count_if({HABITS[habit].sql} = {n})") for n in range(HABITS[habit].bins)]
        for name, habit in HABIT_COLUMNS[entity].items()
    }


def _sets(entity: str) -> dict[str, str]:
    """Set column of the profile to the payment's column whose values it holds."""
    inputs = {f.input for f in profile_features(entity) if f.aggregate == "new"}
    return {f"{entity}_{name}_ids_90d": column for name, column in NEW_COLUMNS.items() if name in inputs}


def _wanted(entity: str, needed: str) -> str:
    columns = [ENTITY_COLUMNS[entity], "as_of", f"date_diff('day', {DAY_ZERO}, as_of) as day"]
    return "\n".join(["select", indent(",\n".join(columns)), f"from {needed}", *_identified(entity)])


def _daily(entity: str, transactions: str) -> str:
    columns = [
        ENTITY_COLUMNS[entity],
        f"event_us / {US_PER_DAY} as day",
        "count(*) as payments",
        "sum(amount_cents) as cents",
        "sum(cast(amount_cents as decimal(38, 0)) * amount_cents) as squares",
        "max(amount_cents) as largest",
        *(
            f"array_agg(distinct {column}) filter (where {column} is not null) as {name}"
            for name, column in _sets(entity).items()
        ),
        *(f"{total} as {column}" for bins in _bins(entity).values() for column, total in bins),
    ]
    # the payments themselves say how far back is needed; no boundary looks at its own day
    return "\n".join(
        [
            "select",
            indent(",\n".join(columns)),
            f"from {transactions}",
            *_identified(entity),
            f"group by {ENTITY_COLUMNS[entity]}, event_us / {US_PER_DAY}",
        ]
    )


def _timeline(entity: str) -> str:
    entity_id = ENTITY_COLUMNS[entity]
    columns = [
        f"coalesce(daily.{entity_id}, wanted.{entity_id}) as {entity_id}",
        "coalesce(daily.day, wanted.day) as day",
        "wanted.as_of",
        "daily.payments",
        "daily.cents",
        "daily.squares",
        "daily.largest",
        *(f"daily.{name}" for name in _sets(entity)),
        *(f"daily.{column}" for bins in _bins(entity).values() for column, _ in bins),
    ]
    return "\n".join(
        [
            "select",
            indent(",\n".join(columns)),
            "from daily",
            f"full outer join wanted on daily.{entity_id} = wanted.{entity_id} and daily.day = wanted.day",
        ]
    )


def _spans(entity: str, maturity: Maturity) -> str:
    columns = [ENTITY_COLUMNS[entity], "as_of", "day"]
    rates, mature = _windows(entity, "rate", of="known_frauds"), _windows(entity, "rate", of="mature_frauds")
    counts, means, stds = (
        _windows(entity, "count", "mean", "std"),
        _windows(entity, "mean", "std"),
        _windows(entity, "std"),
    )
    largest, active = _windows(entity, "max"), _windows(entity, "active")
    columns += [f"coalesce(sum(payments) over days_{n}, 0) as payments_{n}d" for n in counts]
    columns += [f"sum(cents) over days_{n} as cents_{n}d" for n in means]
    columns += [f"sum(squares) over days_{n} as squares_{n}d" for n in stds]
    columns += [f"max(largest) over days_{n} as largest_{n}d" for n in largest]
    columns += [f"count(payments) over days_{n} as days_{n}d" for n in active]
    columns += [f"coalesce(sum(payments) over mature_{n}, 0) as mature_{n}d" for n in rates]
    columns += [f"coalesce(sum(payments) over complete_{n}, 0) as complete_{n}d" for n in mature]
    columns += [
        f"array_sort(array_distinct(flatten(array_agg({name}) over days_{PROFILE_DAYS}))) as {name}"
        for name in _sets(entity)
    ]
    columns += [
        f"array[{', '.join(f'coalesce(sum({column}) over days_{PROFILE_DAYS}, 0)' for column, _ in bins)}] as {name}"
        for name, bins in _bins(entity).items()
    ]
    whole = _sets(entity) or _bins(entity)
    lengths = {*counts, *means, *largest, *active, *([PROFILE_DAYS] if whole else [])}
    frames = [_frame(entity, f"days_{n}", f"{n} preceding and 1 preceding") for n in sorted(lengths)]
    # empty where labels take longer than the window is long
    frames += [_frame(entity, f"mature_{n}", f"{n} preceding and {maturity.plus(1)} preceding") for n in rates]
    frames += [
        _frame(entity, f"complete_{n}", f"{maturity.plus(n)} preceding and {maturity.plus(1)} preceding")
        for n in mature
    ]
    return "\n".join(["select", indent(",\n".join(columns)), "from timeline", "window", indent(",\n".join(frames))])


def _frame(entity: str, name: str, bounds: str) -> str:
    return f"{name} as (partition by {ENTITY_COLUMNS[entity]} order by day range between {bounds})"


def _fraud_validity(entity: str, labels: str) -> str:
    """Frauds with the first and last day at whose start they count as known."""
    return f"""select
    {entity}_id,
    transaction_us,
    transaction_us / {US_PER_DAY} as day,
    known_us / {US_PER_DAY} + 1 as first_day,
    superseded_us / {US_PER_DAY} as last_day
from {labels}
where is_fraud and {entity}_id is not null and transaction_us is not null"""  # noqa: S608


def _frauds(entity: str, maturity: Maturity) -> str:
    counts = _windows(entity, "count", "rate", of="known_frauds")
    rates, mature = _windows(entity, "rate", of="known_frauds"), _windows(entity, "rate", of="mature_frauds")
    columns = [
        f"wanted.{entity}_id",
        "wanted.day",
        f"max(fraud_validity.transaction_us) filter (where {_held(PROFILE_DAYS)}) as last_us",
        *(f"count_if({_held(n)}) as frauds_{n}d" for n in counts),
        *(
            f"count_if(fraud_validity.day >= wanted.day - least({n}, {maturity.plus(0)})) as immature_frauds_{n}d"
            for n in rates
        ),
        *(
            f"count_if(fraud_validity.day >= wanted.day - {maturity.plus(n)} "
            f"and fraud_validity.day < wanted.day - {maturity.plus(0)}) as complete_frauds_{n}d"
            for n in mature
        ),
        *(f"{_run(n)} as run_{n}d" for n in _windows(entity, "length", "age", of="fraud_run")),
    ]
    return "\n".join(
        [
            "select",
            indent(",\n".join(columns)),
            "from wanted",
            "inner join fraud_validity",
            "    on",
            f"        wanted.{entity}_id = fraud_validity.{entity}_id",
            "        and fraud_validity.first_day <= wanted.day",
            "        and (fraud_validity.last_day is null or fraud_validity.last_day >= wanted.day)",
            "        and fraud_validity.day < wanted.day",
            f"        and fraud_validity.day >= wanted.day - {maturity.look_back}",
            f"group by wanted.{entity}_id, wanted.day",
        ]
    )


def _held(days: int) -> str:
    return f"fraud_validity.day >= wanted.day - {days}"


def _run(days: int) -> str:
    """The newest run of known frauds: its first moment, its newest and its length; NULL without a fraud."""
    state = "row(first_us bigint, last_us bigint, length bigint)"
    longer = f"cast(row(run.first_us, us, run.length + 1) as {state})"
    another = f"cast(row(us, us, 1) as {state})"
    moments = f"array_sort(array_agg(fraud_validity.transaction_us) filter (where {_held(days)}))"
    step = f"if(us - run.last_us <= {RUN_GAP_US}, {longer}, {another})"
    return f"reduce({moments}, cast(null as {state}), (run, us) -> {step}, run -> run)"


def _value(feature: Feature) -> str:
    n = feature.window.days if feature.window else 0
    if feature.source == "kyc":
        return kyc_value(feature)
    if feature.source == "labels":
        return _label_value(feature.input, feature.aggregate, n)
    payments = f"spans.payments_{n}d"
    # n Σx² - (Σx)² is exact in integers; only its root is rounded
    spread = (
        f"cast({payments} as decimal(38, 0)) * spans.squares_{n}d "
        f"- cast(spans.cents_{n}d as decimal(38, 0)) * spans.cents_{n}d"
    )
    return {
        "count": payments,
        "active": f"spans.days_{n}d",
        "max": f"cast(spans.largest_{n}d as double) / 100e0",
        "mean": f"if({payments} > 0, cast(spans.cents_{n}d as double) / cast({payments} as double) / 100e0)",
        "std": f"if({payments} > 1, sqrt(cast({spread} as double)) / cast({payments} as double) / 100e0)",
    }[feature.aggregate]


def meaning_sql(feature: Feature) -> str:
    """The expression that gives a feature its value, in the profile or in the vector."""
    if feature.source == "logins":
        return failed_logins("payments", "logins")
    if feature.kind == "window":
        return window_value(feature)
    stored = feature.kind == "profile" and feature.aggregate not in DERIVED_AGGREGATES
    return _value(feature) if stored else value_sql(feature)


def _label_value(given: str, aggregate: str, n: int) -> str:
    known = f"coalesce(frauds.frauds_{n}d, 0)"
    payments = f"spans.mature_{n}d + coalesce(frauds.immature_frauds_{n}d, 0)"
    return {
        ("known_frauds", "count"): known,
        ("known_frauds", "rate"): _rate(known, payments),
        ("known_frauds", "days_since"): f"coalesce({_days_since('frauds.last_us')}, {double(float(n))})",
        ("mature_frauds", "rate"): _rate(f"coalesce(frauds.complete_frauds_{n}d, 0)", f"spans.complete_{n}d"),
        ("fraud_run", "length"): f"coalesce(frauds.run_{n}d.length, 0)",
        ("fraud_run", "age"): f"coalesce({_days_since(f'frauds.run_{n}d.first_us')}, {double(float(n))})",
    }[given, aggregate]


def _rate(frauds: str, payments: str) -> str:
    return (
        f"(cast({frauds} as double) + {double(RATE_PRIOR_FRAUDS)}) "
        f"/ (cast({payments} as double) + {double(RATE_PRIOR_PAYMENTS)})"
    )


def _days_since(moment_us: str) -> str:
    return f"cast(spans.day * {US_PER_DAY} - {moment_us} as double) / {double(float(US_PER_DAY))}"


def _final(entity: str) -> str:
    entity_id = ENTITY_COLUMNS[entity]
    columns = [
        f"spans.{entity_id}",
        "spans.as_of",
        *(f"cast({_value(f)} as {SQL_TYPES[f.dtype]}) as {f.name}" for f in _stored(entity)),
        *(f"coalesce(spans.{name}, cast(array[] as array(varchar))) as {name}" for name in _sets(entity)),
        *(f"spans.{name}" for name in HABIT_COLUMNS[entity]),
    ]
    joins = []
    if _reads(entity, "kyc"):
        joins += ["left join kyc_known", f"    on spans.{entity_id} = kyc_known.{entity_id}"]
    if _reads(entity, "labels"):
        joins += ["left join frauds", f"    on spans.{entity_id} = frauds.{entity_id} and spans.day = frauds.day"]
    return "\n".join(["select", indent(",\n".join(columns)), "from spans", *joins, "where spans.as_of is not null"])
