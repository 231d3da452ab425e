{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['merchant_id', 'as_of'],
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['as_of']"},
    )
}}

{%- set counters = fraud_features_counters(ref('int_transactions'), ref('int_labels_as_of')) %}
{%- set from_date = features_recompute_from(counters, 'as_of') %}
{{ features_range('as_of', from_date) }}

with

-- profiles look back 90 days
transactions as (

    select * from {{ ref('int_transactions') }}
    where event_date >= date_add('day', -90, date '{{ from_date }}')

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

boundaries as (

    {{ counters }}

),

payments as (

    select
        merchant_id,
        {{ fraud_features_as_of('event_us') }} as as_of
    from transactions

),

needed as (

    select distinct
        merchant_id,
        as_of
    from payments
    where as_of >= date '{{ from_date }}'

),

profiles as (

    {{ fraud_features_merchant_profile('transactions', 'labels', 'needed') }}

),

final as (

    select
        profiles.*,
        boundaries.offsets_at,
        boundaries.offsets_before,
        boundaries.label_offsets_before
    from profiles
    inner join boundaries
        on profiles.as_of = boundaries.as_of

)

select * from final
