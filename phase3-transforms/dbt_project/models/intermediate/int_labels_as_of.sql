{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='label_id',
        on_schema_change='fail',
    )
}}

with

received as (

    select * from {{ ref('stg_bronze__labels') }}

),

transactions as (

    select
        transaction_id,
        user_id,
        merchant_id,
        event_us
    from {{ ref('int_transactions') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by label_id
            order by _kafka_timestamp, _partition, _offset
        ) as arrival
    from received

),

firsts as (

    select * from ranked
    where arrival = 1

),

{% if is_incremental() %}

kept as (

    select * from {{ this }}

),

watermarks as (

    {{ watermarks('received', this) }}

),

new_rows as (

    select
        received.label_id,
        received.transaction_id
    from received
    inner join watermarks
        on
            received._partition = watermarks._partition
            and received._offset > watermarks._offset

),

-- a new label ends the validity of older ones of its payment, so all labels of that payment are computed again
changed as (

    select transaction_id from new_rows
    union distinct
    select received.transaction_id
    from received
    inner join new_rows
        on received.label_id = new_rows.label_id
    union distinct
    -- the payment of these had not arrived yet when they did
    select transaction_id from kept
    where user_id is null or merchant_id is null or transaction_us is null

),

to_compute as (

    select firsts.*
    from firsts
    inner join changed
        on firsts.transaction_id = changed.transaction_id

),

{% else %}

to_compute as (

    select * from firsts

),

{% endif %}

with_validity as (

    select
        to_compute.label_id,
        to_compute.transaction_id,
        -- what the sender of the label knows goes first; the payment fills the gaps
        coalesce(to_compute.user_id, transactions.user_id) as user_id,
        coalesce(to_compute.merchant_id, transactions.merchant_id) as merchant_id,
        coalesce(to_compute.transaction_us, transactions.event_us) as transaction_us,
        to_compute.known_us,
        lead(to_compute.known_us) over (
            partition by to_compute.transaction_id
            order by to_compute.known_us, to_compute.label_id
        ) as superseded_us,
        to_compute.is_fraud,
        to_compute.source,
        to_compute.fraud_type,
        to_compute._kafka_timestamp,
        to_compute._partition,
        to_compute._offset
    from to_compute
    left join transactions
        on to_compute.transaction_id = transactions.transaction_id

)

select * from with_validity
