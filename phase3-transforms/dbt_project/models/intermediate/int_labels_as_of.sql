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
    -- the few that a label names are held in memory, not all
    where transaction_id in (select received.transaction_id from received)

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

with_validity as (

    select
        firsts.label_id,
        firsts.transaction_id,
        -- what the sender of the label knows goes first; the payment fills the gaps
        coalesce(firsts.user_id, transactions.user_id) as user_id,
        coalesce(firsts.merchant_id, transactions.merchant_id) as merchant_id,
        coalesce(firsts.transaction_us, transactions.event_us) as transaction_us,
        firsts.known_us,
        lead(firsts.known_us) over (
            partition by firsts.transaction_id
            order by firsts.known_us, firsts.label_id
        ) as superseded_us,
        firsts.is_fraud,
        firsts.source,
        firsts.fraud_type,
        firsts._kafka_timestamp,
        firsts._partition,
        firsts._offset
    from firsts
    left join transactions
        on firsts.transaction_id = transactions.transaction_id

),

{% if is_incremental() %}

kept as (

    select
        label_id,
        transaction_id,
        user_id,
        merchant_id,
        transaction_us,
        known_us,
        superseded_us,
        is_fraud,
        source,
        fraud_type,
        _kafka_timestamp,
        _partition,
        _offset
    from {{ this }}

),

-- Labels are few: all are computed, and only what is not stored just so is merged. That is what is new, what the new
-- ones supersede, and what was filled from a payment that arrived or was replaced since.
final as (

    select * from with_validity
    except
    select * from kept

)

{% else %}

final as (

    select * from with_validity

)

{% endif %}

select * from final
