{#-
    The rows of a profile mart: one per `id` and boundary that a payment of it looks at, from the first boundary that
    has to be computed again. `profile` is the generated macro that computes them.
-#}
{% macro features_profiles(id, profile) -%}
{%- set counter_names = fraud_features_counter_names().split(', ') %}
{%- set columns = model.columns.keys() | reject('in', counter_names) | list %}
{%- set boundaries = features_boundaries(fraud_features_counters(
    ref('int_transactions'), ref('int_labels_as_of'), ref('int_kyc_as_of'), ref('int_logins')
)) %}
{%- set differing = features_differing(boundaries, 'as_of') %}
{%- set from_date = differing['from'] %}
{%- set found = features_bucket_pieces(ref('int_transactions'), id, differing) %}
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

    {{ boundaries }}

),

needed as (

    select distinct
        {{ id }},
        as_of
    from (
        {{ features_lookups('transactions', id, from_date) }}
    )

),

{% if differing['incremental'] %}

settled as (

    {{ features_settled_keys(id, differing) }}

),

to_compute as (

    select * from needed
    except
    select * from settled

),

of_needed as (

    select * from transactions
    where {{ id }} in (select to_compute.{{ id }} from to_compute)

),

profiles as (

    {{ profile('of_needed', 'labels', 'kyc', 'to_compute') }}

),

-- what holds is taken over with today's sums
held as (

    select stored.*
    from {{ this }} as stored
    inner join needed
        on
            stored.{{ id }} = needed.{{ id }}
            and stored.as_of = needed.as_of
    where
        stored.as_of >= date '{{ from_date }}'
        and stored.as_of < date '{{ differing['settled_until'] }}'

),

all_profiles as (

    select {{ columns | join(', ') }} from profiles
    union all
    select {{ columns | join(', ') }} from held

),

{% else %}

all_profiles as (

    {{ profile('transactions', 'labels', 'kyc', 'needed') }}

),

{% endif %}

final as (

    select
        {% for column in columns -%}
        all_profiles.{{ column }},
        {% endfor -%}
        {{ fraud_features_counter_names() }}
    from all_profiles
    inner join boundaries
        on all_profiles.as_of = boundaries.as_of

)

select * from final
{%- endmacro %}
