{{ config(materialized='view') }}

with

decisions as (

    select * from {{ ref('stg_fraud__decisions') }}

),

opened as (

    select
        ---------- ids
        transaction_id,
        user_id,
        json_extract_scalar(request, '$.merchant_id') as merchant_id,

        ---------- times
        {{ utc_timestamp('event_time') }} as event_time,
        {{ utc_timestamp('created_at') }} as decided_at,
        cast({{ utc_timestamp('created_at') }} as date) as decided_date,
        created_at,

        ---------- the payment
        cast(json_extract_scalar(request, '$.amount') as decimal(12, 2)) as amount,
        json_extract_scalar(request, '$.channel') as channel,
        json_extract_scalar(request, '$.country') as country,
        cast(json_extract_scalar(request, '$.is_international') as boolean) as is_international,

        ---------- the decision
        verdict,
        risk_tier,
        fraud_score,
        fraud_probability,
        calibrated_probability,
        rules_score,
        statistics_score,
        array_join(reasons, '; ') as reasons,
        array_join(rule_hits, ', ') as rule_hits,
        mode,
        rules_version,
        model_version,
        latency_ms

    from decisions

)

select * from opened
