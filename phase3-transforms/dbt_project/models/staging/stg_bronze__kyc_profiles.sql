{#- Without the columns that say something of the person: who may read Silver is not to read those. -#}
with

source as (

    select * from {{ source('bronze', 'kyc_profiles') }}

),

renamed as (

    select
        ---------- ids
        kyc_change_id,
        user_id,

        ---------- times
        {{ epoch_us('event_time') }} as known_us,
        {{ epoch_us('valid_from') }} as valid_from_us,
        {{ epoch_us('customer_since') }} as customer_since_us,

        ---------- attributes
        change_type,
        country,
        risk_rating,
        verification_level,

        ---------- kafka coordinates
        {{ utc_timestamp('_kafka_timestamp') }} as _kafka_timestamp,
        _topic,
        _partition,
        _offset,

        ---------- arrival
        {{ utc_timestamp('_ingested_at') }} as _ingested_at

    from source

)

select * from renamed
