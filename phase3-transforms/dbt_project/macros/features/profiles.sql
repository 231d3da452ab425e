{#-
    The rows of a profile mart: one per `id` and boundary that a payment of it looks at, from the first boundary that
    has to be computed again. `profile` is the generated macro that computes them.
-#}
{% macro features_profiles(id, profile) -%}
{%- set counters = fraud_features_counters(
    ref('int_transactions'), ref('int_labels_as_of'), ref('int_kyc_as_of'), ref('int_logins')
) %}
{%- set from_date = features_recompute_from(counters, 'as_of') %}
{%- set found = features_bucket_pieces(ref('int_transactions'), from_date, id) %}
{{ pieces(found) }}

with

-- so far do profiles look back
transactions as (

    select * from {{ ref('int_transactions') }}
    where
        event_date >= date_add('day', -{{ fraud_features_look_back_days() }}, date '{{ from_date }}')
        and {{ piece(found, 'bucket') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

kyc as (

    select * from {{ ref('int_kyc_as_of') }}

),

boundaries as (

    {{ counters }}

),

payments as (

    select
        {{ id }},
        {{ fraud_features_as_of('event_us') }} as as_of
    from transactions

),

needed as (

    select distinct
        {{ id }},
        as_of
    from payments
    where as_of >= date '{{ from_date }}'

),

of_needed as (

    select * from transactions
    {% if is_incremental() -%}
    where {{ id }} in (select needed.{{ id }} from needed)
    {%- endif %}

),

profiles as (

    {{ profile('of_needed', 'labels', 'kyc', 'needed') }}

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
{%- endmacro %}
