{{
    config(
        materialized='incremental',
        incremental_strategy='merge_changed',
        unique_key=['user_id', 'event_date'],
        on_schema_change='fail',
    )
}}

{%- set facts -%}
    select
        event_date,
        count(*) as row_count,
        sum({{ fingerprint([coordinates()]) }}) as _fingerprint
    from {{ ref('int_transactions_enriched') }}
    group by event_date
{%- endset %}
{%- set found = changed_days(facts, this) %}
{{ pieces(found) }}

with

transactions as (

    select * from {{ ref('int_transactions_enriched') }}
    where event_date in ({{ piece(found, 'days') }})

),

{% if is_incremental() %}

stored as (

    select
        user_id,
        event_date,
        _fingerprint
    from {{ this }}
    where event_date in ({{ piece(found, 'days') }})

),

fingerprints as (

    select
        user_id,
        event_date,
        sum({{ fingerprint([coordinates()]) }}) as _fingerprint
    from transactions
    group by user_id, event_date

),

changed as (

    {{ changed_keys('fingerprints', ['user_id', 'event_date'], 'stored') }}

),

to_compute as (

    select transactions.*
    from transactions
    inner join changed
        on
            transactions.user_id = changed.user_id
            and transactions.event_date = changed.event_date

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

        ---------- what the row was computed from
        sum({{ fingerprint([coordinates()]) }}) as _fingerprint

    from to_compute
    group by user_id, event_date

),

{% if is_incremental() %}

-- a day that lost its last payment stays as a row of nulls, which merge_changed deletes
final as (

    select
        changed.user_id,
        changed.event_date,
        aggregated.transaction_count,
        aggregated.merchant_count,
        aggregated.country_count,
        aggregated.device_count,
        aggregated.international_count,
        aggregated.card_not_present_count,
        aggregated.night_count,
        aggregated.amount_cents,
        aggregated.amount_cents_squared,
        aggregated.amount_cents_min,
        aggregated.amount_cents_max,
        aggregated.first_event_us,
        aggregated.last_event_us,
        aggregated._fingerprint
    from changed
    left join aggregated
        on
            changed.user_id = aggregated.user_id
            and changed.event_date = aggregated.event_date

)

{% else %}

final as (

    select * from aggregated

)

{% endif %}

select * from final
