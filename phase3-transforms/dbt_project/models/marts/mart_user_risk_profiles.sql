{{ config(materialized='table') }}

{#- Rebuilt whole on each run: it reads one row per user and day, never the payments. -#}

with

user_days as (

    select * from {{ ref('int_user_daily') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}
    where superseded_us is null and is_fraud

),

-- the newest day there is stands for today: a history of long ago gives the same answer whenever it is computed
newest as (

    select max(event_date) as event_date from user_days

),

behaviour as (

    select
        user_days.user_id,
        min(user_days.first_event_us) as first_event_us,
        max(user_days.last_event_us) as last_event_us,
        count(*) as active_day_count,
        sum(user_days.transaction_count) as transaction_count,
        sum(user_days.amount_cents) as amount_cents,
        max(user_days.amount_cents_max) as amount_cents_max,
        sum(user_days.international_count) as international_count,
        sum(user_days.card_not_present_count) as card_not_present_count,
        sum(user_days.night_count) as night_count,
        coalesce(sum(user_days.transaction_count) filter (
            where user_days.event_date > newest.event_date - interval '30' day
        ), 0) as transaction_count_30d,
        coalesce(sum(user_days.amount_cents) filter (
            where user_days.event_date > newest.event_date - interval '30' day
        ), 0) as amount_cents_30d
    from user_days
    cross join newest
    group by user_days.user_id

),

known_frauds as (

    select
        user_id,
        count(*) as known_fraud_count,
        max(transaction_us) as last_known_fraud_us
    from labels
    where user_id is not null
    group by user_id

),

joined as (

    select
        behaviour.*,
        coalesce(known_frauds.known_fraud_count, 0) as known_fraud_count,
        known_frauds.last_known_fraud_us,
        cast(behaviour.amount_cents / behaviour.transaction_count as bigint) as amount_cents_mean,
        cast(behaviour.international_count as double) / behaviour.transaction_count as international_share,
        cast(behaviour.card_not_present_count as double) / behaviour.transaction_count as card_not_present_share
    from behaviour
    left join known_frauds
        on behaviour.user_id = known_frauds.user_id

),

final as (

    select
        *,
        cast(
            case
                when known_fraud_count >= 2 then 'CRITICAL'
                when known_fraud_count = 1 then 'HIGH'
                when transaction_count >= 10 and international_share > 0.5 then 'MEDIUM'
                else 'LOW'
            end as varchar
        ) as risk_tier
    from joined

)

select * from final
