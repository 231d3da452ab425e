with

source as (

    select * from {{ source('fraud', 'decisions') }}

),

renamed as (

    select
        ---------- ids
        cast(transaction_id as varchar) as transaction_id,
        cast(user_id as varchar) as user_id,

        ---------- times
        event_time,
        created_at,

        ---------- what was asked
        json_format(request) as request,

        ---------- what was known
        vector,
        missing,
        flags,
        schema_hash,

        ---------- what was answered
        mode,
        verdict,
        risk_tier,
        fraud_probability,
        fraud_score,
        rules_score,
        statistics_score,
        calibrated_probability,
        reasons,
        rule_hits,
        rules_version,
        model_version,
        latency_ms

    from source

)

select * from renamed
