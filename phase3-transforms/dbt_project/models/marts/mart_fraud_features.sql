{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key='transaction_id',
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['event_date']"},
    )
}}

{%- set boundaries = 'select distinct as_of, offsets_at, offsets_before, label_offsets_before, kyc_offsets_before, '
    ~ 'login_offsets from ' ~ ref('mart_merchant_risk') %}
{%- set from_date = features_recompute_from(boundaries, 'profile_as_of') %}
{{ features_range('event_date', from_date) }}

with

-- windows look back 24 hours
transactions as (

    select * from {{ ref('int_transactions') }}
    where event_date >= date_add('day', -1, date '{{ from_date }}')

),

logins as (

    select
        user_id,
        event_us,
        is_failure
    from {{ ref('int_logins') }}
    where event_date >= date_add('day', -1, date '{{ from_date }}')

),

-- in the first hours of a day payments still look at the boundary before
user_profiles as (

    select * from {{ ref('mart_user_profile') }}
    where as_of >= date_add('day', -1, date '{{ from_date }}')

),

merchant_profiles as (

    select * from {{ ref('mart_merchant_risk') }}
    where as_of >= date_add('day', -1, date '{{ from_date }}')

),

category_profiles as (

    select * from {{ ref('mart_category_profile') }}
    where as_of >= date_add('day', -1, date '{{ from_date }}')

),

final as (

    {{ fraud_features_query(
        'transactions', 'logins', 'user_profiles', 'merchant_profiles', 'category_profiles',
        "event_date >= date '" ~ from_date ~ "'"
    ) }}

)

select * from final
