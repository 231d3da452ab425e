with

source as (

    select * from {{ source('bronze', 'logins') }}

),

renamed as (

    select
        ---------- ids
        login_id,
        user_id,
        device_id,
        ip_hash,
        session_id,

        ---------- times
        {{ utc_timestamp('event_time') }} as event_time,
        {{ epoch_us('event_time') }} as event_us,
        event_date,

        ---------- attributes
        outcome,
        failure_reason,
        method,
        channel,

        ---------- places
        country,
        latitude,
        longitude,

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
