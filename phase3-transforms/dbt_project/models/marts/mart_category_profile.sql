{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['merchant_category_code', 'as_of'],
        range_column='as_of',
        gathered=true,
        rebuilt_with_columns=true,
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['as_of']"},
    )
}}

{#-
    Every payment has a merchant: what `mart_merchant_risk` was computed from is asked there, not of all payments again.
    A boundary at which no payment has a category has no row here, and is no news in every run.
-#}
{%- set boundaries -%}
    select distinct
        as_of,
        {{ fraud_features_counter_names() }}
    from {{ ref('mart_merchant_risk') }}
    where as_of in (
        select {{ fraud_features_as_of('event_us') }}
        from {{ ref('int_transactions') }}
        where merchant_category_code <> ''
    )
{%- endset -%}
{%- set from_date = features_recompute_from(boundaries, 'as_of') %}
{{ pieces(features_one_piece(from_date)) }}

with

transactions as (

    select
        merchant_category_code,
        event_us,
        amount_cents,
        {{ fraud_features_as_of('event_us') }} as as_of
    from {{ ref('int_transactions') }}
    where event_date >= date_add('day', -{{ fraud_features_category_days() }}, date '{{ from_date }}')

),

boundaries as (

    {{ boundaries }}

),

needed as (

    select distinct
        merchant_category_code,
        as_of
    from transactions
    where as_of >= date '{{ from_date }}'

),

profiles as (

    {{ fraud_features_category_profile('transactions', none, none, 'needed') }}

),

final as (

    select
        profiles.*,
        {{ fraud_features_counter_names() }}
    from profiles
    inner join boundaries
        on profiles.as_of = boundaries.as_of

)

select * from final
