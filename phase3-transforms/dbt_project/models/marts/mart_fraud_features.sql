{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key='transaction_id',
        range_column='event_date',
        rebuilt_with_columns=true,
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['event_date']"},
    )
}}

{%- set boundaries = 'select distinct as_of, ' ~ fraud_features_counter_names() ~ ' from '
    ~ ref('mart_merchant_risk') %}
{%- set from_date = features_recompute_from(boundaries, 'profile_as_of') %}
{%- set found = features_day_pieces(ref('int_transactions'), from_date) %}
{%- set from, until = piece(found, 'from'), piece(found, 'until') %}
{{ pieces(found) }}

with

-- windows look back 24 hours
transactions as (

    select * from {{ ref('int_transactions') }}
    where
        event_date >= date_add('day', -1, date '{{ from }}')
        and event_date < date '{{ until }}'

),

logins as (

    select
        user_id,
        event_us,
        is_failure
    from {{ ref('int_logins') }}
    where
        event_date >= date_add('day', -1, date '{{ from }}')
        and event_date < date '{{ until }}'

),

-- in the first hours of a day payments still look at the boundary before
user_profiles as (

    select * from {{ ref('mart_user_profile') }}
    where
        as_of >= date_add('day', -1, date '{{ from }}')
        and as_of < date '{{ until }}'

),

merchant_profiles as (

    select * from {{ ref('mart_merchant_risk') }}
    where
        as_of >= date_add('day', -1, date '{{ from }}')
        and as_of < date '{{ until }}'

),

category_profiles as (

    select * from {{ ref('mart_category_profile') }}
    where
        as_of >= date_add('day', -1, date '{{ from }}')
        and as_of < date '{{ until }}'

),

final as (

    {{ fraud_features_query(
        'transactions', 'logins', 'user_profiles', 'merchant_profiles', 'category_profiles',
        "event_date >= date '" ~ from ~ "'"
    ) }}

)

select * from final
