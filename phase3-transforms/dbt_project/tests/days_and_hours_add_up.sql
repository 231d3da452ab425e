-- The aggregates hold every payment once, to the cent.
with

payments as (

    select
        count(*) as transaction_count,
        coalesce(sum(amount_cents), 0) as amount_cents
    from {{ ref('int_transactions') }}

),

days as (

    select
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(amount_cents), 0) as amount_cents
    from {{ ref('int_user_daily') }}

),

hours as (

    select
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(amount_cents), 0) as amount_cents
    from {{ ref('mart_hourly_metrics') }}

),

users as (

    select
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(amount_cents), 0) as amount_cents
    from {{ ref('mart_user_risk_profiles') }}

),

aggregates as (

    select
        'int_user_daily' as model,
        *
    from days
    union all
    select
        'mart_hourly_metrics' as model,
        *
    from hours
    union all
    select
        'mart_user_risk_profiles' as model,
        *
    from users

)

select aggregates.*
from aggregates
cross join payments
where
    aggregates.transaction_count <> payments.transaction_count
    or aggregates.amount_cents <> payments.amount_cents
