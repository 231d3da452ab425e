"""What the rows of a boundary were computed from, as sums of hashed Kafka coordinates.

A sum changes whenever a payment, label or KYC record is added or replaced, and is the same after a rebuild: the rows
whose sums differ from today's are exactly those that have to be computed again. No clock and no highest event time is
asked. A digest of the definition is part of one of them: with another definition or setting every row differs.
"""

from typing import Final

from fraud_features.features import US_PER_DAY
from fraud_features.sql_text import as_of_sql, coordinates_sum

COUNTER_COLUMNS: Final = {
    "offsets_at": "Sum of the hashed coordinates of the payments that look at this boundary.",
    "offsets_before": "Digest of the definition and its settings, plus the same sum over the payments before this "
    "boundary.",
    "label_offsets_before": "The same over the labels known before this boundary, each with its customer, merchant and "
    "time of payment.",
    "kyc_offsets_before": "The same over the KYC records known before this boundary.",
    "login_offsets": "The same over the failed logins up to the last payment that may look at this boundary.",
}
# of a label, what its payment fills where the sender left it out: that payment may arrive long after the label
LABEL_FILLED_COLUMNS: Final = ("user_id", "merchant_id", "transaction_us")
# of these, what a profile depends on
PROFILE_COUNTER_COLUMNS: Final = ("offsets_before", "label_offsets_before", "kyc_offsets_before")


def counters_query(transactions: str, labels: str, kyc: str, logins: str, lag_us: str, definition: str = "''") -> str:
    """One row per boundary that a payment looks at; all relations must be complete.

    ``definition`` is SQL text: a string that is another one whenever rows of the same facts would be others.
    """
    return f"""with

boundaries as (

    select
        {as_of_sql("event_us", lag_us)} as as_of,
        {coordinates_sum()} as offsets
    from {transactions}
    group by 1

),

payment_days as (

    select
        event_us / {US_PER_DAY} as day,
        {coordinates_sum()} as offsets
    from {transactions}
    group by 1

),

label_days as (

    select
        known_us / {US_PER_DAY} as day,
        {coordinates_sum(*LABEL_FILLED_COLUMNS)} as offsets
    from {labels}
    group by 1

),

kyc_days as (

    select
        known_us / {US_PER_DAY} as day,
        {coordinates_sum()} as offsets
    from {kyc}
    group by 1

),

login_days as (

    select
        {as_of_sql("event_us", lag_us)} as as_of,
        {coordinates_sum()} as offsets
    from {logins}
    where is_failure
    group by 1

),

-- by the first boundary that a fact belongs to
facts as (

    select
        date_add('day', day + 1, date '1970-01-01') as as_of,
        offsets as payment_offsets,
        0 as label_offsets,
        0 as kyc_offsets,
        0 as login_offsets
    from payment_days
    union all
    select
        date_add('day', day + 1, date '1970-01-01') as as_of,
        0 as payment_offsets,
        offsets as label_offsets,
        0 as kyc_offsets,
        0 as login_offsets
    from label_days
    union all
    select
        date_add('day', day + 1, date '1970-01-01') as as_of,
        0 as payment_offsets,
        0 as label_offsets,
        offsets as kyc_offsets,
        0 as login_offsets
    from kyc_days
    union all
    select
        as_of,
        0 as payment_offsets,
        0 as label_offsets,
        0 as kyc_offsets,
        offsets as login_offsets
    from login_days

)

select
    boundaries.as_of,
    max(boundaries.offsets) as offsets_at,
    coalesce(sum(facts.payment_offsets), 0)
    + cast(from_big_endian_64(xxhash64(to_utf8({definition}))) as decimal(38, 0)) as offsets_before,
    coalesce(sum(facts.label_offsets), 0) as label_offsets_before,
    coalesce(sum(facts.kyc_offsets), 0) as kyc_offsets_before,
    coalesce(sum(facts.login_offsets), 0) as login_offsets
from boundaries
left join facts
    on facts.as_of <= boundaries.as_of
group by boundaries.as_of"""  # noqa: S608
