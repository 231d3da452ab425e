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

    select * from {{ ref('int_decisions_opened') }}
    {% if from_moment %}where created_at >= timestamp '{{ from_moment }} UTC'{% endif %}

),

{% if is_incremental() %}

known as (

    select transaction_id from {{ this }}

),

{% endif %}

final as (

    select
        decisions.transaction_id,
        decisions.user_id,
        decisions.merchant_id,
        decisions.event_time,
        decisions.decided_at,
        decisions.decided_date,
        decisions.amount,
        decisions.channel,
        decisions.country,
        decisions.is_international,
        decisions.verdict,
        decisions.risk_tier,
        decisions.fraud_score,
        decisions.fraud_probability,
        decisions.calibrated_probability,
        decisions.rules_score,
        decisions.statistics_score,
        decisions.reasons,
        decisions.rule_hits,
        decisions.mode,
        decisions.rules_version,
        decisions.model_version,
        decisions.latency_ms
    from decisions
    {% if is_incremental() %}
    left join known
        on decisions.transaction_id = known.transaction_id
    where known.transaction_id is null
    {% endif %}

)

select * from final
