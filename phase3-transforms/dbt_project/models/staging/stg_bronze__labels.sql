with

source as (

    select * from {{ source('bronze', 'labels') }}

),

renamed as (

    select
        ---------- ids
        label_id,
        transaction_id,
        user_id,
        merchant_id,

        ---------- times
        {{ epoch_us('transaction_time') }} as transaction_us,
        {{ epoch_us('event_time') }} as known_us,

        ---------- attributes
        is_fraud,
        source,
        fraud_type,

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
