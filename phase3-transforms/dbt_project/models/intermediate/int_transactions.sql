{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='transaction_id',
        on_schema_change='fail',
        overlapping=true,
        properties={'partitioned_by': "ARRAY['event_date']"},
    )
}}

{%- set found = offset_pieces(ref('stg_bronze__transactions'), this) %}
{{ pieces(found) }}

with

new_rows as (

    select * from {{ ref('stg_bronze__transactions') }}
    where {{ piece(found, 'offsets') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by transaction_id
            order by _kafka_timestamp, _partition, _offset
        ) as arrival
    from new_rows

),

firsts as (

    select
        transaction_id,
        event_time,
        event_us,
        event_date,
        user_id,
        merchant_id,
        card_hash,
        device_id,
        ip_hash,
        account_id,
        counterparty_id,
        amount,
        amount_cents,
        currency,
        merchant_category_code,
        channel,
        transaction_type,
        card_bin,
        country,
        counterparty_country,
        latitude,
        longitude,
        card_present,
        is_international,
        _kafka_timestamp,
        _partition,
        _offset
    from ranked
    where arrival = 1

),

kept as (

    select
        transaction_id,
        _kafka_timestamp,
        _partition,
        _offset
    from {{ this }}
    where transaction_id in (select firsts.transaction_id from firsts)

),

-- A duplicate that comes later never replaces the first. Bronze may land one partition before another, so a row
-- that was first at the broker can also arrive here second: then it takes the place of the other.
final as (

    select firsts.*
    from firsts
    left join kept
        on firsts.transaction_id = kept.transaction_id
    where
        kept.transaction_id is null
        or row(firsts._kafka_timestamp, firsts._partition, firsts._offset)
        < row(kept._kafka_timestamp, kept._partition, kept._offset)

)

select * from final
