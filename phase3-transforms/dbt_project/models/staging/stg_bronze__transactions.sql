with

source as (

    select * from {{ source('bronze', 'transactions') }}

),

renamed as (

    select
        ---------- ids
        transaction_id,
        user_id,
        merchant_id,
        card_hash,
        device_id,
        ip_hash,
        account_id,
        counterparty_id,

        ---------- times
        {{ utc_timestamp('event_time') }} as event_time,
        {{ epoch_us('event_time') }} as event_us,
        event_date,

        ---------- amounts
        cast(amount as decimal(12, 2)) as amount,
        cast(amount * 100 as bigint) as amount_cents,
        currency,

        ---------- attributes
        merchant_category_code,
        channel,
        transaction_type,
        card_bin,

        ---------- places
        country,
        counterparty_country,
        latitude,
        longitude,

        ---------- flags
        card_present,
        is_international,

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
