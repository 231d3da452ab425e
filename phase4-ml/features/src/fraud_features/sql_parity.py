"""Whether the vector of a decision is the one that Gold has for the same payment, as Trino SQL.

Four things are told of a decision and a feature: *match*; *missing*, the decision did not know the value and said so;
*late*, a fact that belongs into the feature came after the decision; *mismatch*, none of these explains the difference.

Relations: ``decisions`` has the columns of ``int_decision_vectors``, ``payments`` those of ``int_transactions``,
``labels`` those of ``int_labels_as_of``, ``kyc`` those of ``int_kyc_as_of``, ``logins`` those of ``int_logins``. What
arrived when is told by two recorded moments, the broker's append time of a fact and the arrival of the request that was
decided: no clock is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from fraud_features.features import (
    FEATURE_NAMES,
    FEATURES,
    HOURS_24,
    PROFILE_ENTITIES,
    US_PER_DAY,
    WINDOW_ENTITIES,
    Feature,
    longest_login_window,
    longest_window,
    profile_features,
)
from fraud_features.sql import COUNTER_NAMES
from fraud_features.sql_text import cte, double, indent
from fraud_features.sql_windows import ENTITY_COLUMNS

RELATIVE_TOLERANCE: Final = 1e-6
"""Of sums and means. The vector holds float32, which alone is up to 6e-8 away from Gold's double."""

ABSOLUTE_TOLERANCE: Final = 1e-9
"""Near zero a deviation from the mean is the difference of two numbers that are almost alike."""

Evidence = Literal["window", "login", "profile", "label", "kyc"]
_EVER_US: Final = 36_500 * US_PER_DAY
"""How far back an age looks."""
LABELLED_ENTITIES: Final = ("user", "merchant")
"""Entities that a row of ``int_labels_as_of`` names."""


@dataclass(frozen=True, slots=True)
class Clue:
    """Facts of one entity whose late arrival explains a difference, and how they are found.

    ``span_us`` is the longest time before the anchor that any feature looks back; recent facts lie in buckets of it.
    """

    evidence: Evidence
    entity: str
    span_us: int

    @property
    def is_recent(self) -> bool:
        return self.evidence in ("window", "login")

    @property
    def column(self) -> str:
        return ENTITY_COLUMNS.get(self.entity, f"{self.entity}_id")


def evidence_of(feature: Feature) -> tuple[Evidence, ...]:
    """Kinds of facts whose late arrival changes a feature."""
    if feature.kind == "request":
        return ()
    if feature.source == "labels":
        return ("profile", "label")
    if feature.source == "logins":
        return ("login",)
    if feature.source == "kyc":
        return ("kyc",)
    if feature.kind == "window":
        return ("window",)
    # a new value is one that is neither in the profile nor in the last 24 hours
    return ("profile", "window") if feature.aggregate == "new" else ("profile",)


def flags_of(feature: Feature) -> tuple[str, ...]:
    """Flags by which a decision says that it may not have had all that a feature is made of."""
    evidence = evidence_of(feature)
    if "login" in evidence:
        return ("recent_incomplete", f"{feature.entity}_logins_truncated")
    return ("recent_incomplete", f"{feature.entity}_recent_truncated") if "window" in evidence else ()


# ---- which features differ -------------------------------------------------------------------------------------


def differing_sql(decision: str, gold: str) -> str:
    """Names of the features in which a decision's vector is not Gold's row, ``array(varchar)``.

    Flags and counts are compared exactly, which float32 holds up to 2**24; sums, means and what is made of them to
    ``RELATIVE_TOLERANCE``. A place that the vector does not have differs. One lambda judges all places: an expression
    for each of them would be a method too large for the virtual machine to compile.
    """
    values = ",\n".join(f"cast({gold}.{name} as double)" for name in FEATURE_NAMES)
    features = ",\n".join(f"row('{f.name}', {double(_tolerance(f))})" for f in FEATURES)
    larger = "greatest(abs(pair[1]), abs(pair[2]))"
    return f"""filter(
    zip_with(
        zip_with(
            array[
{indent(values, 16)}
            ],
            {decision}.vector,
            (offline, online) -> row(offline, cast(online as double))
        ),
        array[
{indent(features, 12)}
        ],
        (pair, feature) -> if(
            coalesce(
                abs(pair[1] - pair[2]) <= greatest({double(ABSOLUTE_TOLERANCE)}, feature[2] * {larger}), false
            ),
            null,
            feature[1]
        )
    ),
    name -> name is not null
)"""


def _tolerance(feature: Feature) -> float:
    return RELATIVE_TOLERANCE if feature.dtype == "float" else 0.0


def names_sql() -> str:
    """Names of all features, ``array(varchar)``."""
    return "cast(array[\n" + indent(",\n".join(f"'{name}'" for name in FEATURE_NAMES)) + "\n] as array(varchar))"


def features_relation(maturity_days: str) -> str:
    """One row per feature: its ``entity``, what ``evidence`` and ``flags`` explain a difference, ``span_us`` back."""
    rows = ",\n".join(
        f"('{f.name}', '{f.entity}', {_array(evidence_of(f))}, {_array(flags_of(f))}, {_span_sql(f, maturity_days)})"
        for f in FEATURES
    )
    return "\n".join(
        [
            "select",
            "    cast(feature as varchar) as feature,",
            "    cast(entity as varchar) as entity,",
            "    cast(evidence as array(varchar)) as evidence,",
            "    cast(flags as array(varchar)) as flags,",
            "    span_us",
            f"from (\n    values\n{indent(rows)}\n) as defined (feature, entity, evidence, flags, span_us)",
        ]
    )


def _span_sql(feature: Feature, maturity_days: str) -> str:
    span_us = feature.window.us if feature.window else _EVER_US if feature.source == "kyc" else 0
    # complete days end where labels are not mature yet
    later = f" + {maturity_days} * bigint '{US_PER_DAY}'" if feature.input == "mature_frauds" else ""
    return f"bigint '{span_us}'{later}"


def _array(values: Iterable[str]) -> str:
    return f"array[{', '.join(repr(value) for value in values)}]"


# ---- what came late --------------------------------------------------------------------------------------------


def clues() -> tuple[Clue, ...]:
    """Every kind of fact that a feature's difference can be explained by."""
    found: list[Clue] = []
    for entity in WINDOW_ENTITIES:
        span = longest_window(entity).us
        # what "new" looks up beside the profile
        seen = HOURS_24.us if any("window" in evidence_of(f) for f in profile_features(entity)) else 0
        found.append(Clue("window", entity, max(span, seen)))
    found.append(Clue("login", "user", longest_login_window().us))
    found.append(Clue("kyc", "user", _EVER_US))
    for entity in PROFILE_ENTITIES:
        spans = [f.window.us for f in profile_features(entity) if f.window is not None]
        found.append(Clue("profile", entity, max(spans)))
        if entity in LABELLED_ENTITIES:
            found.append(Clue("label", entity, max(spans)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names of the relations that may come late."""

    payments: str
    labels: str
    kyc: str
    logins: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """SQL of what a fact may take from the broker to the online store, and of the days that labels take."""

    window_delay_us: str
    profile_delay_us: str
    maturity_days: str


def late_query(decisions: str, facts: Facts, allowed: Allowed) -> str:
    """One row per decision, entity and evidence with a late fact: ``age_us`` before the anchor of the youngest.

    The anchor of a window is the payment, that of all others the last microsecond before the boundary. A
    fact is late when the broker took it after the decided request came in, less what it may take to the online store.
    So a feature is explained where ``age_us`` is less than its window.

    ``decisions`` must have ``profile_as_of`` as well; payments must reach as far back as the features look.
    """
    found = clues()
    probes = "\n".join(
        [
            "select",
            "    decisions.transaction_id,",
            "    probe.*",
            # the few stand on the right of every join: Trino keeps that side in memory and skips what it does not name
            f"from {facts.payments} as payments",
            f"inner join {decisions} as decisions",
            "    on payments.transaction_id = decisions.transaction_id",
            "cross join unnest(array[",
            indent(",\n".join(row for clue in found for row in _probe_rows(clue, allowed))),
            "]) as probe (evidence, entity, entity_id, bucket, anchor_us, span_us, known_us)",
        ]
    )
    told = "\nunion all\n".join(_facts(clue, facts) for clue in found)
    return "\n\n".join(
        [
            "with",
            cte("probes", probes),
            cte("facts", told, last=True),
            "\n".join(
                [
                    "select",
                    "    probes.transaction_id,",
                    "    probes.entity,",
                    "    probes.evidence,",
                    "    min(probes.anchor_us - facts.fact_us) as age_us",
                    "from facts",
                    "inner join probes",
                    "    on",
                    "        facts.evidence = probes.evidence",
                    "        and facts.entity = probes.entity",
                    "        and facts.entity_id = probes.entity_id",
                    "        and facts.bucket = probes.bucket",
                    "where",
                    "    facts.fact_us < probes.anchor_us",
                    "    and facts.fact_us > probes.anchor_us - probes.span_us",
                    # of labels: what became known from the boundary on is in no profile
                    "    and facts.told_us <= probes.anchor_us",
                    "    and facts.arrived_us > probes.known_us",
                    "group by probes.transaction_id, probes.entity, probes.evidence",
                ]
            ),
        ]
    )


def _probe_rows(clue: Clue, allowed: Allowed) -> Iterable[str]:
    entity_id = f"payments.{clue.column}"
    if clue.is_recent:
        span = f"bigint '{clue.span_us}'"
        known = f"decisions.requested_us - {allowed.window_delay_us}"
        # the payments of one entity lie in buckets as long as the longest window: it touches two of them
        newest = f"decisions.event_us / {clue.span_us}"
        for bucket in (newest, f"{newest} - 1"):
            yield f"row('{clue.evidence}', '{clue.entity}', {entity_id}, {bucket}, decisions.event_us, {span}, {known})"
        return
    anchor = f"date_diff('day', date '1970-01-01', decisions.profile_as_of) * {US_PER_DAY} - 1"
    span = f"bigint '{clue.span_us}' + {allowed.maturity_days} * bigint '{US_PER_DAY}'"
    known = f"decisions.requested_us - {allowed.profile_delay_us}"
    yield f"row('{clue.evidence}', '{clue.entity}', {entity_id}, bigint '0', {anchor}, {span}, {known})"


def _facts(clue: Clue, facts: Facts) -> str:
    arrived = "cast(round(to_unixtime(_kafka_timestamp) * 1000000) as bigint)"
    head = ["select", f"    '{clue.evidence}' as evidence,", f"    '{clue.entity}' as entity,"]
    if clue.is_recent:
        return "\n".join(
            [
                *head,
                f"    {clue.column} as entity_id,",
                f"    event_us / {clue.span_us} as bucket,",
                "    event_us as fact_us,",
                "    event_us as told_us,",
                f"    {arrived} as arrived_us",
                f"from {facts.payments}" if clue.evidence == "window" else f"from {facts.logins}\nwhere is_failure",
            ]
        )
    if clue.evidence == "kyc":
        return "\n".join(
            [
                *head,
                f"    {clue.column} as entity_id,",
                "    bigint '0' as bucket,",
                "    known_us as fact_us,",
                "    known_us as told_us,",
                f"    {arrived} as arrived_us",
                f"from {facts.kyc}",
            ]
        )
    # whole days are what profiles are made of
    moment = "event_us" if clue.evidence == "profile" else "transaction_us"
    told = "min(event_us)" if clue.evidence == "profile" else "known_us"
    day = f"{moment} / {US_PER_DAY} * {US_PER_DAY}"
    grouped = clue.evidence == "profile"
    return "\n".join(
        [
            *head,
            f"    {clue.column} as entity_id,",
            "    bigint '0' as bucket,",
            f"    {day} as fact_us,",
            f"    {told} as told_us,",
            f"    {f'max({arrived})' if grouped else arrived} as arrived_us",
            f"from {facts.payments if grouped else facts.labels}",
            *([f"group by {clue.column}, {day}"] if grouped else []),
        ]
    )


# ---- what a comparison was made from -----------------------------------------------------------------------------


def boundaries_query(gold: str) -> str:
    """One row per boundary: ``_fingerprint`` of all facts that the rows of Gold at it and before it were computed from.

    Windows of the first payments that look at a boundary reach over it: hence all boundaries up to it.
    """
    counters = [f"min({name}) as {name}" for name in COUNTER_NAMES]
    return "\n\n".join(
        [
            "with",
            cte(
                "counters",
                "\n".join(
                    [
                        "select",
                        indent(",\n".join(["profile_as_of as as_of", *counters])),
                        f"from {gold}",
                        "group by profile_as_of",
                    ]
                ),
                last=True,
            ),
            "\n".join(
                [
                    "select",
                    "    as_of,",
                    f"    checksum(row(as_of, {', '.join(COUNTER_NAMES)})) over (",
                    "        order by as_of rows between unbounded preceding and current row",
                    "    ) as _fingerprint",
                    "from counters",
                ]
            ),
        ]
    )
