{{ config(materialized='table') }}

{#- Rebuilt whole on each run: it reads hours, days of users and a few columns of the decisions, never the payments. -#}

with

hours as (

    select * from {{ ref('mart_hourly_metrics') }}

),

user_days as (

    select * from {{ ref('int_user_daily') }}

),

decisions as (

    select * from {{ ref('mart_decisions') }}

),

label_clock as (

    {{ label_clock(ref('int_labels_as_of'), ref('int_transactions')) }}

),

payments_by_day as (

    select
        event_date,
        sum(transaction_count) as transaction_count,
        sum(amount_cents) as amount_cents,
        max(amount_cents_max) as amount_cents_max,
        sum(international_count) as international_count,
        sum(card_not_present_count) as card_not_present_count,
        sum(high_risk_merchant_count) as high_risk_merchant_count,
        sum(known_fraud_count) as known_fraud_count,
        sum(known_fraud_amount_cents) as known_fraud_amount_cents
    from hours
    group by event_date

),

users_by_day as (

    select
        event_date,
        count(*) as user_count
    from user_days
    group by event_date

),

decisions_by_day as (

    select
        cast(event_time as date) as event_date,
        count(*) as decision_count,
        count_if(verdict = 'REVIEW') as review_count,
        count_if(verdict = 'BLOCKED') as blocked_count
    from decisions
    group by cast(event_time as date)

),

joined as (

    select
        payments_by_day.*,
        users_by_day.user_count,
        coalesce(decisions_by_day.decision_count, 0) as decision_count,
        coalesce(decisions_by_day.review_count, 0) as review_count,
        coalesce(decisions_by_day.blocked_count, 0) as blocked_count,
        -- labels of the day's last payment are due that long after the day's end
        coalesce(
            label_clock.reached_us
            >= (date_diff('day', date '1970-01-01', payments_by_day.event_date) + 1) * 86400000000
            + {{ label_maturity_us() }},
            false
        ) as is_mature
    from payments_by_day
    inner join users_by_day
        on payments_by_day.event_date = users_by_day.event_date
    left join decisions_by_day
        on payments_by_day.event_date = decisions_by_day.event_date
    cross join label_clock

),

final as (

    select
        event_date,

        ---------- payments
        transaction_count,
        user_count,
        amount_cents,
        amount_cents_max,
        international_count,
        card_not_present_count,
        high_risk_merchant_count,

        ---------- frauds known now
        is_mature,
        known_fraud_count,
        known_fraud_amount_cents,
        cast(known_fraud_count as double) / transaction_count as known_fraud_rate,

        ---------- decisions
        decision_count,
        review_count,
        blocked_count,
        if(decision_count > 0, cast(review_count + blocked_count as double) / decision_count) as alert_rate
    from joined

)

select * from final
