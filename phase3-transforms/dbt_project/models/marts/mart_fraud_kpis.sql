{{ config(materialized='table') }}

{#- Rebuilt whole on each run: it reads days, the decisions' ids and verdicts, and the labels, never the payments. -#}

with

days as (

    select * from {{ ref('mart_fraud_summary_daily') }}

),

decisions as (

    select * from {{ ref('mart_decisions') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

decided as (

    select
        cast(decisions.event_time as date) as event_date,
        decisions.verdict,
        decisions.verdict <> 'APPROVED' as is_alert,
        cast(decisions.amount * 100 as bigint) as amount_cents,
        coalesce(labels.is_fraud, false) as is_known_fraud
    from decisions
    left join labels
        on
            decisions.transaction_id = labels.transaction_id
            and labels.superseded_us is null

),

alerts_by_day as (

    select
        event_date,
        count_if(is_alert) as alert_count,
        count_if(is_alert and is_known_fraud) as true_positive_count,
        coalesce(sum(amount_cents) filter (where is_known_fraud and verdict = 'BLOCKED'), 0) as prevented_cents
    from decided
    group by event_date

),

first_fraud_labels as (

    select
        transaction_id,
        min(transaction_us) as transaction_us,
        min(known_us) as known_us
    from labels
    where is_fraud and transaction_us is not null
    group by transaction_id

),

delays as (

    select
        cast({{ timestamp_from_us('transaction_us') }} as date) as event_date,
        (known_us - transaction_us) / 1000000 as delay_seconds
    from first_fraud_labels

),

-- the exact one, the lower of two: an estimate would not be the same after a rebuild
delays_by_day as (

    select
        event_date,
        element_at(array_sort(array_agg(delay_seconds)), cast((count(*) + 1) / 2 as integer)) as delay_seconds_median
    from delays
    group by event_date

),

joined as (

    select
        days.*,
        delays_by_day.delay_seconds_median,
        coalesce(alerts_by_day.alert_count, 0) as alert_count,
        coalesce(alerts_by_day.true_positive_count, 0) as true_positive_count,
        coalesce(alerts_by_day.prevented_cents, 0) as prevented_cents
    from days
    left join alerts_by_day
        on days.event_date = alerts_by_day.event_date
    left join delays_by_day
        on days.event_date = delays_by_day.event_date

),

final as (

    select
        event_date,
        is_mature,
        transaction_count,

        ---------- known at once
        alert_count,
        alert_rate,

        ---------- known when labels are
        if(is_mature, known_fraud_rate) as fraud_rate,
        if(is_mature and amount_cents > 0, 1e4 * known_fraud_amount_cents / amount_cents) as fraud_basis_points,
        if(is_mature, known_fraud_amount_cents - prevented_cents) as loss_cents,
        if(is_mature, prevented_cents) as loss_prevented_cents,
        if(is_mature and alert_count > 0, cast(true_positive_count as double) / alert_count) as precision_share,
        if(is_mature, delay_seconds_median) as label_delay_seconds_median
    from joined

)

select * from final
