{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='event_hour',
        on_schema_change='fail',
    )
}}

with

transactions as (

    select
        *,
        date_trunc('hour', event_time) as event_hour
    from {{ ref('int_transactions_enriched') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

{% if is_incremental() %}

transaction_watermarks as (

    {{ watermarks('transactions', this, offsets='_offsets') }}

),

label_watermarks as (

    {{ watermarks('labels', this, offsets='_label_offsets') }}

),

touched as (

    select transactions.event_hour
    from transactions
    inner join transaction_watermarks
        on
            transactions._partition = transaction_watermarks._partition
            and transactions._offset > transaction_watermarks._offset
    union distinct
    select transactions.event_hour
    from transactions
    inner join labels
        on transactions.transaction_id = labels.transaction_id
    inner join label_watermarks
        on
            labels._partition = label_watermarks._partition
            and labels._offset > label_watermarks._offset

),

to_compute as (

    select transactions.*
    from transactions
    inner join touched
        on transactions.event_hour = touched.event_hour

),

{% else %}

to_compute as (

    select * from transactions

),

{% endif %}

metrics as (

    select
        event_hour,
        cast(event_hour as date) as event_date,

        ---------- counts
        count(*) as transaction_count,
        count(distinct user_id) as user_count,
        count(distinct merchant_id) as merchant_count,
        count_if(is_international) as international_count,
        count_if(is_card_not_present) as card_not_present_count,
        count_if(is_high_risk_merchant) as high_risk_merchant_count,

        ---------- amounts, exact
        sum(amount_cents) as amount_cents,
        max(amount_cents) as amount_cents_max,

        ---------- kafka coordinates
        {{ offsets_of('_partition', '_offset') }} as _offsets

    from to_compute
    group by event_hour

),

known_frauds as (

    select
        to_compute.event_hour,
        count_if(labels.superseded_us is null and labels.is_fraud) as known_fraud_count,
        sum(to_compute.amount_cents) filter (
            where labels.superseded_us is null and labels.is_fraud
        ) as known_fraud_amount_cents,
        {{ offsets_of('labels._partition', 'labels._offset') }} as _label_offsets
    from to_compute
    inner join labels
        on to_compute.transaction_id = labels.transaction_id
    group by to_compute.event_hour

),

final as (

    select
        metrics.event_hour,
        metrics.event_date,
        metrics.transaction_count,
        metrics.user_count,
        metrics.merchant_count,
        metrics.international_count,
        metrics.card_not_present_count,
        metrics.high_risk_merchant_count,
        metrics.amount_cents,
        metrics.amount_cents_max,
        coalesce(known_frauds.known_fraud_count, 0) as known_fraud_count,
        coalesce(known_frauds.known_fraud_amount_cents, 0) as known_fraud_amount_cents,
        cast(coalesce(known_frauds.known_fraud_count, 0) as double) / metrics.transaction_count as known_fraud_rate,
        metrics._offsets,
        known_frauds._label_offsets
    from metrics
    left join known_frauds
        on metrics.event_hour = known_frauds.event_hour

)

select * from final
