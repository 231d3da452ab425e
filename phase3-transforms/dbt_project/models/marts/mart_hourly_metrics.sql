{{
    config(
        materialized='incremental',
        incremental_strategy='merge_changed',
        unique_key='event_hour',
        on_schema_change='fail',
    )
}}

{#- of a payment and the label in force -#}
{%- set fact = fingerprint([
    coordinates(),
    'coalesce(_label_coordinates, -1)',
    'if(is_high_risk_merchant, 1, 0)'
]) %}
{%- set facts -%}
    select
        event_date,
        count(*) as row_count,
        sum({{ fact }}) as _fingerprint
    from {{ ref('int_transactions_enriched') }} as transactions
    left join (
        select
            transaction_id,
            {{ coordinates() }} as _label_coordinates
        from {{ ref('int_labels_as_of') }}
        where superseded_us is null
    ) as labels
        on transactions.transaction_id = labels.transaction_id
    group by event_date
{%- endset %}
{%- set found = changed_days(facts, this) %}
{{ pieces(found) }}

with

transactions as (

    select
        *,
        date_trunc('hour', event_time) as event_hour
    from {{ ref('int_transactions_enriched') }}
    where event_date in ({{ piece(found, 'days') }})

),

labels as (

    select
        transaction_id,
        is_fraud,
        {{ coordinates() }} as _label_coordinates
    from {{ ref('int_labels_as_of') }}
    where superseded_us is null

),

labelled as (

    select
        transactions.*,
        labels._label_coordinates,
        coalesce(labels.is_fraud, false) as is_known_fraud
    from transactions
    left join labels
        on transactions.transaction_id = labels.transaction_id

),

{% if is_incremental() %}

stored as (

    select
        event_hour,
        _fingerprint
    from {{ this }}
    where event_date in ({{ piece(found, 'days') }})

),

fingerprints as (

    select
        event_hour,
        sum({{ fact }}) as _fingerprint
    from labelled
    group by event_hour

),

changed as (

    {{ changed_keys('fingerprints', ['event_hour'], 'stored') }}

),

to_compute as (

    select labelled.*
    from labelled
    inner join changed
        on labelled.event_hour = changed.event_hour

),

{% else %}

to_compute as (

    select * from labelled

),

{% endif %}

aggregated as (

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
        count_if(is_known_fraud) as known_fraud_count,

        ---------- amounts, exact
        sum(amount_cents) as amount_cents,
        max(amount_cents) as amount_cents_max,
        sum(if(is_known_fraud, amount_cents, 0)) as known_fraud_amount_cents,

        ---------- rates
        cast(count_if(is_known_fraud) as double) / count(*) as known_fraud_rate,

        ---------- what the row was computed from
        sum({{ fact }}) as _fingerprint

    from to_compute
    group by event_hour

),

{% if is_incremental() %}

-- an hour that lost its last payment stays as a row of nulls, which merge_changed deletes
final as (

    select
        changed.event_hour,
        aggregated.event_date,
        aggregated.transaction_count,
        aggregated.user_count,
        aggregated.merchant_count,
        aggregated.international_count,
        aggregated.card_not_present_count,
        aggregated.high_risk_merchant_count,
        aggregated.known_fraud_count,
        aggregated.amount_cents,
        aggregated.amount_cents_max,
        aggregated.known_fraud_amount_cents,
        aggregated.known_fraud_rate,
        aggregated._fingerprint
    from changed
    left join aggregated
        on changed.event_hour = aggregated.event_hour

)

{% else %}

final as (

    select * from aggregated

)

{% endif %}

select * from final
