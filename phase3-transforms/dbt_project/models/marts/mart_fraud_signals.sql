{{ config(materialized='view') }}

with

features as (

    select * from {{ ref('mart_fraud_features') }}

),

-- a value that is not known is -1: no signal comes from it
signals as (

    select
        transaction_id,
        event_time,
        event_date,
        user_id,
        merchant_id,
        card_hash,
        {{ feature_column('user', 'transactions', 'count', '1m') }} >= 4 as is_velocity_burst,
        {{ feature_column('user', 'speed_kmh', 'last', '24h') }} > 1000 as is_impossible_travel,
        (
            {{ feature_column('user', 'device', 'new', '90d') }} = 1
            and {{ feature_column('transaction', 'is_card_present') }} = 0
        ) as is_new_device_without_card,
        (
            {{ feature_column('transaction', 'amount_is_near_threshold') }} = 1
            and {{ feature_column('user', 'near_threshold', 'count', '1h') }} >= 1
        ) as is_structuring,
        {{ feature_column('device', 'users', 'distinct', '1h') }} >= 3 as is_shared_device,
        (
            {{ feature_column('user', 'amount', 'zscore', '90d') }} >= 4
            and {{ feature_column('user', 'transactions', 'count', '90d') }} >= 10
        ) as is_amount_spike,
        {{ feature_column('transaction', 'is_presence_mismatch') }} = 1 as is_presence_mismatch
    from features

),

named as (

    select
        *,
        filter(
            array[
                if(is_velocity_burst, 'velocity_burst'),
                if(is_impossible_travel, 'impossible_travel'),
                if(is_new_device_without_card, 'new_device_without_card'),
                if(is_structuring, 'structuring'),
                if(is_shared_device, 'shared_device'),
                if(is_amount_spike, 'amount_spike'),
                if(is_presence_mismatch, 'presence_mismatch')
            ],
            name -> name is not null
        ) as names
    from signals

),

final as (

    select
        ---------- payment
        transaction_id,
        event_time,
        event_date,
        user_id,
        merchant_id,
        card_hash,

        ---------- signals
        is_velocity_burst,
        is_impossible_travel,
        is_new_device_without_card,
        is_structuring,
        is_shared_device,
        is_amount_spike,
        is_presence_mismatch,
        cardinality(names) as signal_count,
        cast(array_join(names, ', ') as varchar) as signals
    from named

)

select * from final
