{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='kyc_change_id',
        on_schema_change='fail',
    )
}}

with

received as (

    select * from {{ ref('stg_bronze__kyc_profiles') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by kyc_change_id
            order by _kafka_timestamp, _partition, _offset
        ) as arrival
    from received

),

with_validity as (

    select
        kyc_change_id,
        user_id,
        known_us,
        lead(known_us) over (
            partition by user_id
            order by known_us, kyc_change_id
        ) as superseded_us,
        valid_from_us,
        customer_since_us,
        change_type,
        country,
        risk_rating,
        verification_level,
        _kafka_timestamp,
        _partition,
        _offset
    from ranked
    where arrival = 1

),

{% if is_incremental() %}

kept as (

    select
        kyc_change_id,
        user_id,
        known_us,
        superseded_us,
        valid_from_us,
        customer_since_us,
        change_type,
        country,
        risk_rating,
        verification_level,
        _kafka_timestamp,
        _partition,
        _offset
    from {{ this }}

),

-- KYC records are few: all are computed, and only what is not stored just so is merged. That is what is new, what the
-- new ones supersede, and what another message of the same id took the place of.
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
