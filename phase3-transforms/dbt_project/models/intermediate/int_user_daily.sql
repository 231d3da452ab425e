{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['user_id', 'event_date'],
        on_schema_change='fail',
    )
}}

with

transactions as (

    select * from {{ ref('int_transactions_enriched') }}

),

{% if is_incremental() %}

watermarks as (

    {{ watermarks('transactions', this, offsets='_offsets') }}

),

touched as (

    select distinct
        transactions.user_id,
        transactions.event_date
    from transactions
    inner join watermarks
        on
            transactions._partition = watermarks._partition
            and transactions._offset > watermarks._offset

),

to_compute as (

    select transactions.*
    from transactions
    inner join touched
        on
            transactions.user_id = touched.user_id
            and transactions.event_date = touched.event_date

),

{% else %}

to_compute as (

    select * from transactions

),

{% endif %}

aggregated as (

    select
        user_id,
        event_date,

        ---------- counts
        count(*) as transaction_count,
        count(distinct merchant_id) as merchant_count,
        count(distinct country) as country_count,
        count(distinct device_id) as device_count,
        count_if(is_international) as international_count,
        count_if(is_card_not_present) as card_not_present_count,
        count_if(is_night) as night_count,

        ---------- amounts, exact
        sum(amount_cents) as amount_cents,
        sum(cast(amount_cents as decimal(38, 0)) * amount_cents) as amount_cents_squared,
        min(amount_cents) as amount_cents_min,
        max(amount_cents) as amount_cents_max,

        ---------- times
        min(event_us) as first_event_us,
        max(event_us) as last_event_us,

        ---------- kafka coordinates
        {{ offsets_of('_partition', '_offset') }} as _offsets

    from to_compute
    group by user_id, event_date

)

select * from aggregated
