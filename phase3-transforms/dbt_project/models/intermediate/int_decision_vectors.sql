{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='transaction_id',
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['decided_date']"},
    )
}}

{%- set from_moment = decisions_taken_up_to() %}

with

decisions as (

    select * from {{ ref('stg_fraud__decisions') }}
    {% if from_moment %}where created_at >= timestamp '{{ from_moment }} UTC'{% endif %}

),

{% if is_incremental() %}

known as (

    select transaction_id from {{ this }}

),

{% endif %}

final as (

    select
        ---------- ids
        decisions.transaction_id,

        ---------- times
        {{ epoch_us('decisions.event_time') }} as event_us,
        cast({{ utc_timestamp('decisions.event_time') }} as date) as event_date,
        {{ epoch_us('decisions.created_at') }} - cast(round(decisions.latency_ms * 1000) as bigint) as requested_us,
        {{ utc_timestamp('decisions.created_at') }} as decided_at,
        cast({{ utc_timestamp('decisions.created_at') }} as date) as decided_date,

        ---------- what was known
        decisions.mode,
        decisions.flags,
        decisions.missing,
        decisions.vector,
        decisions.schema_hash
    from decisions
    {% if is_incremental() %}
    left join known
        on decisions.transaction_id = known.transaction_id
    where known.transaction_id is null
    {% endif %}

)

select * from final
