"""What the rows of a boundary were computed from, as three sums of Kafka offsets.

A sum changes whenever a payment or label is added or replaced, and is the same after a rebuild: the rows whose sums
differ from today's are exactly those that have to be computed again. No clock and no highest event time is asked.
"""

from typing import Final

from fraud_features.features import US_PER_DAY
from fraud_features.sql_text import as_of_sql

COUNTER_COLUMNS: Final = {
    "offsets_at": "Sum of (_offset + 1) over the payments that look at this boundary.",
    "offsets_before": "Sum of (_offset + 1) over the payments before this boundary.",
    "label_offsets_before": "Sum of (_offset + 1) over the labels known before this boundary.",
}


def counters_query(transactions: str, labels: str, lag_us: str) -> str:
    """One row per boundary that a payment looks at; both relations must be complete."""
    return f"""with

boundaries as (

    select
        {as_of_sql("event_us", lag_us)} as as_of,
        sum(_offset + 1) as offsets
    from {transactions}
    group by 1

),

payment_days as (

    select
        event_us / {US_PER_DAY} as day,
        sum(_offset + 1) as offsets
    from {transactions}
    group by 1

),

label_days as (

    select
        known_us / {US_PER_DAY} as day,
        sum(_offset + 1) as offsets
    from {labels}
    group by 1

),

facts as (

    select day, offsets as payment_offsets, 0 as label_offsets from payment_days
    union all
    select day, 0 as payment_offsets, offsets as label_offsets from label_days

)

select
    boundaries.as_of,
    max(boundaries.offsets) as offsets_at,
    coalesce(sum(facts.payment_offsets), 0) as offsets_before,
    coalesce(sum(facts.label_offsets), 0) as label_offsets_before
from boundaries
left join facts
    on facts.day < date_diff('day', date '1970-01-01', boundaries.as_of)
group by boundaries.as_of"""  # noqa: S608
